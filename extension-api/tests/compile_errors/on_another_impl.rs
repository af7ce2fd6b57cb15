use funcdock_extension_api::extension;

struct Stopwatch;

#[extension]
impl Stopwatch {
    fn init() -> Self {
        Stopwatch
    }
}

fn main() {}
