//! Compressed streams: gzip and Zstandard, of one part or of several one behind the other.

use super::limits::WINDOW;
use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};

/// What a gzip stream unpacks to. Zeros behind a part are padding.
pub(super) struct Gzip<R> {
    /// The part that is being read; `None` behind the last.
    part: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Gzip<R> {
    pub(super) fn new(stream: R) -> Self {
        let part = Some(GzDecoder::new(BufReader::new(stream)));
        Gzip { part }
    }
}

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(part) = &mut self.part {
            let read = part.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let stream = part.get_mut();
            let is_last = loop {
                let ahead = stream.fill_buf()?;
                let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
                match zeros {
                    0 => break ahead.is_empty(),
                    _ => stream.consume(zeros),
                }
            };
            let stream = self.part.take().map(GzDecoder::into_inner);
            self.part = stream.filter(|_| !is_last).map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// What a Zstandard stream unpacks to. The window is bounded.
pub(super) struct Zstandard<R> {
    stream: BufReader<R>,
    frame: FrameDecoder,
    /// Whether a frame has begun and not ended.
    inside: bool,
    /// What stopped the decoder: told once all that it had made is handed out.
    failed: Option<io::Error>,
}

/// A block without bytes that ends a frame, and a checksum, where one must follow.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

impl<R: Read> Zstandard<R> {
    pub(super) fn new(stream: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW);
        Zstandard {
            stream: BufReader::new(stream),
            frame,
            inside: false,
            failed: None,
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
                Err(error) => return Err(told(&error)),
            }
        }
    }

    /// Reads blocks until there is something to hand out.
    fn decode(&mut self) {
        while self.frame.can_collect() == 0 && !self.frame.is_finished() {
            let one = || BlockDecodingStrategy::UptoBlocks(1);
            if let Err(error) = self.frame.decode_blocks(&mut self.stream, one()) {
                self.failed = Some(told(&error));
                // Until its frame ends, the decoder holds the last window back.
                if !self.frame.is_finished() {
                    let _ = self.frame.decode_blocks(&LAST_BLOCK[..], one());
                }
                return;
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.inside = false;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
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
            if self.failed.is_none() {
                self.decode();
            }
            match self.frame.read(buffer)? {
                0 => self.end()?,
                read => return Ok(read),
            }
        }
    }
}

/// What stopped the decoder.
fn told(error: &FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Some(error) => return io::Error::new(error.kind(), error.to_string()),
            None => cause = error.source(),
        }
    }
    let ends = cause.is_some();
    match error {
        FrameDecoderError::WindowSizeTooBig { requested, max } => invalid(format!(
            "it needs a window of {requested} bytes, more than is allowed ({max})"
        )),
        FrameDecoderError::DictNotProvided { .. } => {
            invalid("it was packed with a dictionary that is not in it")
        }
        FrameDecoderError::ReadFrameHeaderError(_)
        | FrameDecoderError::FrameHeaderError(_)
        | FrameDecoderError::FailedToInitialize(_) => invalid(match ends {
            true => "it ends in the middle of a header",
            false => "what should be a header is none",
        }),
        FrameDecoderError::FailedToReadChecksum(_) if ends => {
            invalid("it ends before its checksum")
        }
        _ if ends => invalid("it ends in the middle of a block"),
        _ => invalid("a block is damaged"),
    }
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}
