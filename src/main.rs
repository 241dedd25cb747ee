//! The command-line program.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, scenario, out] = arguments.as_slice() {
        for path in winsessions::synth::run(Path::new(scenario), Path::new(out))? {
            println!("{}", path.display());
        }
    }
    Ok(())
}
