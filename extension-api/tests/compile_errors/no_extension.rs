use funcdock_extension_api::export_extension;

struct Stopwatch;

export_extension!(Stopwatch);

fn main() {}
