//! What triggers a call, and the function that is called.

/// An HTTP request that triggers a call.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) client: String,
}

impl Request {
    /// A request to this path, with a query string where there is a question mark.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            client: "127.0.0.1:50000".to_owned(),
        }
    }

    /// A GET.
    pub fn get(target: &str) -> Self {
        Request::new("GET", target)
    }

    /// A POST.
    pub fn post(target: &str) -> Self {
        Request::new("POST", target)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The client's address and port; "127.0.0.1:50000" unless it is set.
    pub fn client(mut self, address: &str) -> Self {
        self.client = address.to_owned();
        self
    }
}

/// The function that is called.
#[derive(Debug, Clone)]
pub struct TestFunction {
    pub(super) name: String,
    pub(super) directory: String,
    pub(super) trigger: String,
    pub(super) route: Option<String>,
}

impl Default for TestFunction {
    /// "test", at the route "api/test".
    fn default() -> Self {
        TestFunction::http("test", "api/test")
    }
}

impl TestFunction {
    /// One with an HTTP trigger, whose binding is called "req".
    pub fn http(name: &str, route: &str) -> Self {
        TestFunction {
            name: name.to_owned(),
            directory: format!("/app/{name}"),
            trigger: "httpTrigger".to_owned(),
            route: Some(route.to_owned()),
        }
    }

    /// One with a trigger of this type.
    pub fn with_trigger(name: &str, trigger: &str) -> Self {
        TestFunction {
            trigger: trigger.to_owned(),
            route: None,
            ..TestFunction::http(name, "")
        }
    }
}
