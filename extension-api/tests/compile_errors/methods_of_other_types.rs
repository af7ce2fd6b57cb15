use funcdock_extension_api::methods;

struct Other;

struct Wrong;

#[methods]
impl Wrong {
    fn takes(&self, _other: Other) {}

    fn returns(&self) -> Other {
        Other
    }
}

fn main() {}
