//! The bindings of a function.json.

mod storage;
mod timer;

use super::error::Problem;
use super::json::Item;
use super::values::one_of;
use super::{AppSettings, Driver};
use crate::model::route::RouteTemplate;
use crate::model::{AuthLevel, Binding, BindingSettings, DataType, Direction, HttpTrigger};

use http::Method;

const RETURN: &str = "$return";
const METHODS: [&str; 10] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY",
];

/// Reads `bindings`: any number of them, one of which is a trigger.
pub(super) fn read_all(
    bindings: &Item<'_>,
    function: &str,
    settings: &AppSettings,
    driver: Driver,
) -> Result<Vec<Binding>, Problem> {
    let mut read: Vec<Binding> = Vec::new();
    for item in bindings.elements()? {
        let binding = read_one(&item, function, settings, driver)?;
        if let Some(earlier) = read.iter().position(|earlier| earlier.name == binding.name) {
            let name = item.get("name")?.unwrap_or(item);
            return Err(name.problem(format!(
                "{:?} is the name of bindings[{earlier}] already; each binding needs its own name",
                binding.name
            )));
        }
        read.push(binding);
    }
    let triggers: Vec<_> = read.iter().filter(|binding| binding.is_trigger()).collect();
    if triggers.len() == 1 {
        return Ok(read);
    }
    let found = match triggers.as_slice() {
        [] => "none".to_owned(),
        some => some
            .iter()
            .map(|it| format!("{} ({})", it.name, it.kind))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Err(bindings.problem(format!(
        "expected exactly one trigger (a binding with a type that ends in \"Trigger\"), found {found}"
    )))
}

fn read_one(
    item: &Item<'_>,
    function: &str,
    settings: &AppSettings,
    driver: Driver,
) -> Result<Binding, Problem> {
    let required = |key: &str| {
        let found = item.get(key)?;
        found.ok_or_else(|| item.problem(format!("expected a member \"{key}\" in each binding")))
    };
    let kind = required("type")?.non_empty_string()?.to_owned();
    let name = name(&required("name")?)?;
    let data_type = item.get("dataType")?;
    let data_type = data_type.map(|item| read_data_type(&item)).transpose()?.flatten();
    let (direction, place) = match item.get("direction")? {
        Some(direction) => (read_direction(&direction)?, direction),
        // Defaults to `in`, as with the tools.
        None => (Direction::In, item.clone()),
    };
    let mut binding = Binding {
        name,
        kind,
        direction,
        data_type,
        settings: BindingSettings::Other,
        properties: item.json_object()?,
    };
    if binding.is_trigger() && binding.direction != Direction::In {
        return Err(place.problem("the direction of a trigger is \"in\""));
    }
    if binding.name == RETURN && binding.direction != Direction::Out {
        return Err(place.problem("the binding \"$return\" needs \"direction\": \"out\""));
    }
    binding.settings = match binding.kind.to_ascii_lowercase().as_str() {
        "httptrigger" => BindingSettings::Http(match http_trigger(item, function) {
            // It serves its routes itself, and may know more of them.
            Err(_) if driver == Driver::FunctionsHost => any_request(item, function)?,
            read => read?,
        }),
        // The host has read them.
        _ if driver == Driver::FunctionsHost => BindingSettings::Other,
        "timertrigger" => BindingSettings::Timer(timer::read(item, settings)?),
        "queuetrigger" => BindingSettings::QueueTrigger(storage::queue_trigger(item, settings)?),
        "queue" if binding.direction == Direction::Out => {
            BindingSettings::Queue(storage::queue(item, settings)?)
        }
        "blobtrigger" => BindingSettings::BlobTrigger(storage::blob_trigger(item, settings)?),
        "blob" if binding.direction != Direction::InOut => {
            BindingSettings::Blob(storage::blob(item, settings)?)
        }
        _ => BindingSettings::Other,
    };
    Ok(binding)
}

/// The name of a parameter in Python, or "$return".
fn name(item: &Item<'_>) -> Result<String, Problem> {
    let name = item.string()?;
    let identifier = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if identifier || name == RETURN {
        return Ok(name.to_owned());
    }
    Err(item.wrong_value("the name of a parameter of the function, or \"$return\""))
}

fn read_direction(item: &Item<'_>) -> Result<Direction, Problem> {
    Ok(match one_of(item, &["in", "out", "inout"])?.as_str() {
        "in" => Direction::In,
        "out" => Direction::Out,
        _ => Direction::InOut,
    })
}

fn read_data_type(item: &Item<'_>) -> Result<Option<DataType>, Problem> {
    let read = match one_of(item, &["string", "binary", "stream", "undefined"])?.as_str() {
        "string" => DataType::String,
        "binary" => DataType::Binary,
        "stream" => DataType::Stream,
        _ => return Ok(None),
    };
    Ok(Some(read))
}

fn http_trigger(item: &Item<'_>, function: &str) -> Result<HttpTrigger, Problem> {
    // An empty route counts as none; the root is "/".
    let route = item.get("route")?.filter(|route| route.string().ok() != Some(""));
    let route = match &route {
        Some(route) => {
            let text = route.string()?;
            let parsed = RouteTemplate::parse(text);
            parsed.map_err(|error| route.problem(format!("route {text:?}: {error}")))?
        }
        None => {
            let parsed = RouteTemplate::parse(function);
            parsed.map_err(|error| item.problem(format!("route {function:?}: {error}")))?
        }
    };
    let mut methods = Vec::new();
    for method in item
        .get("methods")?
        .map_or(Ok(Vec::new()), |methods| methods.elements())?
    {
        let name = one_of(&method, &METHODS)?;
        let parsed = Method::from_bytes(name.as_bytes());
        let method = parsed.map_err(|_| method.wrong_value("the name of an HTTP method"))?;
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    let auth_level = item.get("authLevel")?;
    let auth_level = auth_level.map(|item| read_auth_level(&item)).transpose()?;
    Ok(HttpTrigger {
        route,
        methods,
        auth_level: auth_level.unwrap_or_default(),
        streams_body: false,
    })
}

/// Returns the settings of an httpTrigger with the function's name as its route.
fn any_request(item: &Item<'_>, function: &str) -> Result<HttpTrigger, Problem> {
    let route = RouteTemplate::parse(function);
    Ok(HttpTrigger {
        route: route.map_err(|error| item.problem(format!("route {function:?}: {error}")))?,
        methods: Vec::new(),
        auth_level: AuthLevel::default(),
        streams_body: false,
    })
}

fn read_auth_level(item: &Item<'_>) -> Result<AuthLevel, Problem> {
    Ok(
        match one_of(item, &["anonymous", "function", "admin"])?.as_str() {
            "anonymous" => AuthLevel::Anonymous,
            "function" => AuthLevel::Function,
            _ => AuthLevel::Admin,
        },
    )
}
