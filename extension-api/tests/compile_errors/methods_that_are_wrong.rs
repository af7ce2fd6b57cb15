use funcdock_extension_api::methods;

struct Wrong;

#[methods]
impl Wrong {
    fn changes(&mut self) {}

    fn without_self() {}

    fn borrows(&self, _text: &str) {}

    fn takes_a_pattern(&self, (_a, _b): (i64, i64)) {}

    async fn waits(&self) {}

    fn __len__(&self) -> i64 {
        0
    }

    #[getter]
    fn count(&self, _by: i64) -> i64 {
        0
    }

    #[setter]
    fn set_alone(&self, _value: i64) {}

    fn copies(&self, from: String) -> String {
        from
    }

    fn __exit__(&self) -> bool {
        false
    }
}

struct Generic<T>(T);

#[methods]
impl<T> Generic<T> {
    fn value(&self) {}
}

fn main() {}
