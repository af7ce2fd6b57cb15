use funcdock_extension_api::extension;

#[extension]
struct Stopwatch;

fn main() {}
