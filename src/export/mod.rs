//! Formats that see finished results only.
