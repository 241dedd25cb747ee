//! Compressed streams: gzip and Zstandard, of one part or of several one behind the other.

use super::limits::WINDOW;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};

/// What a gzip stream unpacks to.
pub(super) fn gzip<R: Read>(stream: R) -> impl Read {
    MultiGzDecoder::new(BufReader::new(stream))
}

/// What a Zstandard stream unpacks to. The window is bounded.
pub(super) struct Zstandard<R> {
    stream: BufReader<R>,
    frame: FrameDecoder,
    /// Whether a frame has begun and not ended.
    inside: bool,
}

impl<R: Read> Zstandard<R> {
    pub(super) fn new(stream: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW);
        Zstandard {
            stream: BufReader::new(stream),
            frame,
            inside: false,
        }
    }

    /// Begins the next frame; whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.stream.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.frame.init(&mut self.stream) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.stream).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(invalid(error)),
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.inside = false;
        let stored = self.frame.get_checksum_from_data();
        match (stored, self.frame.get_calculated_checksum()) {
            (Some(stored), Some(computed)) if stored != computed => Err(invalid(format!(
                "its checksum is {computed:#010x} and should be {stored:#010x}"
            ))),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Zstandard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside {
                if !self.begin()? {
                    return Ok(0);
                }
                self.inside = true;
            }
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.stream, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(invalid)?;
            }
            match self.frame.read(buffer)? {
                0 => self.end()?,
                read => return Ok(read),
            }
        }
    }
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}
