//! The warmupTrigger.

use super::{app, lines};

#[test]
fn each_worker_warms_up_before_it_takes_requests() {
    let code = r#"
ready = []

@app.warm_up_trigger("warmup")
def fill(warmup) -> None:
    time.sleep(0.3)
    ready.append(os.getpid())
    logging.info("warm %s", type(warmup).__name__)
    raise ValueError("which is no reason not to serve")

@app.route("ready", auth_level="anonymous")
def show(req: func.HttpRequest) -> str:
    return str(ready == [os.getpid()])
"#;
    let host = app(code).arg("--workers=2").start();
    for _ in 0..20 {
        assert_eq!(host.get("/api/ready").text(), "True");
    }
    lines(&host, "warm WarmUpContext", 2);
    host.wait_for_log("the function raised ValueError: which is no reason not to serve");
    host.stop().assert_clean();
}
