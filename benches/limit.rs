//! What reading a log costs at least: its blocks, and the checksums of its chunks. Nothing is decoded.
//!
//! `cargo bench --bench limit -- LOG [THREADS]` reads it once. Time the program that this builds as a whole process, side by
//! side with `winsessions sessions --format csv -o /dev/null LOG`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

const HEADER: u64 = 4096;
const CHUNK: usize = 65536;
const BLOCK: usize = 2 * CHUNK;

/// Reads every block that no other thread has read; returns how many chunks have checksums that match.
fn read(log: &Path, size: u64, next: &AtomicU64) -> io::Result<u64> {
    let mut file = File::open(log)?;
    let (mut buffer, mut sound) = (vec![0; BLOCK], 0);
    loop {
        let at = HEADER + next.fetch_add(BLOCK as u64, Ordering::Relaxed);
        if at >= size {
            return Ok(sound);
        }
        let block = &mut buffer[..BLOCK.min((size - at) as usize)];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(block)?;
        sound += block.chunks_exact(CHUNK).filter(|c| is_sound(c)).count() as u64;
    }
}

fn is_sound(chunk: &[u8]) -> bool {
    let number =
        |at: usize| u32::from_le_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]]);
    let mut header = crc32fast::Hasher::new();
    header.update(&chunk[..120]);
    header.update(&chunk[128..512]);
    let records = chunk.get(512..number(48) as usize);
    header.finalize() == number(124)
        && records.is_some_and(|records| crc32fast::hash(records) == number(52))
}

/// Reads a log once; returns how many chunks are sound, and how many there are.
pub fn sound_chunks(log: &Path, threads: usize) -> io::Result<(u64, u64)> {
    let size = std::fs::metadata(log)?.len();
    let next = AtomicU64::new(0);
    let sound: io::Result<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| read(log, size, &next)))
            .collect();
        let read = workers.into_iter().map(|worker| worker.join().unwrap());
        read.sum()
    });
    Ok((sound?, size / CHUNK as u64))
}

fn main() -> io::Result<()> {
    let arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let arguments: Vec<String> = arguments.collect();
    let Some(log) = arguments.first() else {
        eprintln!("cargo bench --bench limit -- LOG [THREADS]");
        return Ok(());
    };
    let threads = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    let (sound, all) = sound_chunks(Path::new(log), threads)?;
    println!("{sound} of {all} chunks are sound");
    Ok(())
}
