//! The Deployment: how the host runs in a container.

use std::collections::BTreeMap;

use super::manifests::Metadata;
use super::manifests::kubernetes::{
    Capabilities, Container, ContainerPort, ContainerSecurity, Deployment, EmptyFolder, EnvironmentSource,
    HttpGet, Lifecycle, Mount, NamedReference, Pod, PodSecurity, PodTemplate, PreStop, Probe, Resources,
    SeccompProfile, SecretKey, SecretVolume, Selector, Sleep, Strategy, Variable, VariableSource, Volume,
};
use super::plan::{PORT_NAME, Plan};

/// A user without a name, who owns nothing in the image.
const USER: u32 = 10_001;

/// The ports of `/admin` and `/metrics`, of which the app has one at most. Only programs of the pod reach it, and `kubectl
/// port-forward`.
const ADMIN_PORTS: [u16; 2] = [7072, 7073];

/// Where the keys that open functions are.
const KEYS_FOLDER: &str = "/etc/funcdock/keys";

/// Who may read these files: the group of the pod.
const KEYS_MODE: u32 = 0o440;

/// How long other programs may still send requests to a pod that ends: until all nodes know of it.
const LAST_REQUESTS: u32 = 5;

/// Beyond the calls, the time for triggers, extensions and the end of processes.
const AFTER_CALLS: u32 = 15;

/// The CPU time that a pod is promised, in thousandths of a core.
const CPU: &str = "250m";

/// The same if the number of pods depends on it: else some more pods would start when one has hardly anything to do.
const SCALED_CPU: &str = "500m";

/// The memory that a pod is promised.
const MEMORY: &str = "256Mi";

/// Returns the `spec` of the Deployment.
pub(super) fn deployment(plan: &Plan<'_>) -> Deployment {
    let Plan { scaling, sources, .. } = plan;
    let mut labels = plan.labels();
    let selector = Selector {
        match_labels: labels.clone(),
    };
    if sources.has_identity() {
        labels.insert("azure.workload.identity/use", "true".to_owned());
    }
    let pause = if plan.functions.needs_service() {
        LAST_REQUESTS
    } else {
        0
    };
    Deployment {
        // Else KEDA says.
        replicas: scaling.triggers.is_empty().then_some(scaling.min),
        strategy: scaling.is_single.then_some(Strategy { kind: "Recreate" }),
        selector,
        template: PodTemplate {
            metadata: Metadata {
                labels,
                ..Metadata::default()
            },
            spec: Pod {
                service_account_name: sources.has_identity().then(|| plan.name.to_owned()),
                automount_service_account_token: false,
                termination_grace_period_seconds: pause + plan.arguments.drain_timeout + AFTER_CALLS,
                security_context: PodSecurity {
                    run_as_non_root: true,
                    run_as_user: USER,
                    run_as_group: USER,
                    fs_group: USER,
                    seccomp_profile: SeccompProfile {
                        kind: "RuntimeDefault",
                    },
                },
                containers: [container(plan, pause)],
                volumes: volumes(plan),
            },
        },
    }
}

fn container(plan: &Plan<'_>, pause: u32) -> Container {
    let mut triggers = plan.scaling.triggers.iter();
    let cpu = if triggers.any(|trigger| trigger.kind == "cpu") {
        SCALED_CPU
    } else {
        CPU
    };
    Container {
        name: "funcdock",
        image: plan.image.to_owned(),
        command: vec!["funcdock"],
        args: arguments(plan),
        ports: vec![ContainerPort {
            name: PORT_NAME,
            container_port: plan.arguments.port,
        }],
        env_from: vec![EnvironmentSource {
            config_map_ref: NamedReference {
                name: plan.name.to_owned(),
            },
        }],
        env: variables(plan),
        // As long as a host may take to start, and some more for a slow node.
        startup_probe: probe(plan, "/readyz", [5, 5, 36]),
        readiness_probe: probe(plan, "/healthz", [5, 5, 3]),
        // The supervisor replaces workers that hang; this notices only that the host answers nothing at all.
        liveness_probe: probe(plan, "/admin/host/ping", [20, 10, 3]),
        lifecycle: (pause > 0).then_some(Lifecycle {
            pre_stop: PreStop {
                sleep: Sleep { seconds: pause },
            },
        }),
        resources: Resources {
            requests: BTreeMap::from([("cpu", cpu), ("memory", MEMORY)]),
        },
        security_context: ContainerSecurity {
            allow_privilege_escalation: false,
            read_only_root_filesystem: true,
            capabilities: Capabilities { drop: ["ALL"] },
        },
        volume_mounts: mounts(plan),
    }
}

fn arguments(plan: &Plan<'_>) -> Vec<String> {
    let options = plan.arguments;
    let (port, drain) = (options.port.to_string(), options.drain_timeout.to_string());
    let [usual, other] = ADMIN_PORTS;
    let admin = if options.port == usual { other } else { usual };
    let admin = format!("127.0.0.1:{admin}");
    let words = [
        "start",
        &options.app_path,
        "--address",
        "0.0.0.0",
        "--port",
        &port,
        "--admin-address",
        &admin,
        "--drain-timeout",
        &drain,
        "--log-format",
        "json",
        "--no-install",
        "--no-azurite",
        "--no-reload",
    ];
    // Kubernetes replaces $(NAME) in arguments.
    words.map(|word| word.replace("$(", "$$(")).to_vec()
}

/// Returns the variables with values of the Secret, and where the keys are.
fn variables(plan: &Plan<'_>) -> Vec<Variable> {
    let secret = |name: &String| Variable {
        name: name.clone(),
        value: None,
        value_from: Some(VariableSource {
            secret_key_ref: SecretKey {
                name: plan.settings_secret(),
                key: name.clone(),
            },
        }),
    };
    let mut variables: Vec<_> = plan.variables.secret.iter().map(secret).collect();
    if plan.functions.needs_keys {
        variables.push(Variable {
            name: "FUNCTIONS_SECRETS_PATH".to_owned(),
            value: Some(KEYS_FOLDER.to_owned()),
            value_from: None,
        });
    }
    variables
}

/// Returns a probe of this path: seconds between two and for one, and how many may fail.
fn probe(plan: &Plan<'_>, path: &'static str, [period, timeout, failures]: [u32; 3]) -> Probe {
    let path = if plan.functions.may_hide_health {
        // No function has this one.
        "/admin/host/ping"
    } else {
        path
    };
    Probe {
        http_get: HttpGet {
            path,
            port: PORT_NAME,
        },
        period_seconds: period,
        timeout_seconds: timeout,
        failure_threshold: failures,
    }
}

fn mounts(plan: &Plan<'_>) -> Vec<Mount> {
    let mut mounts = vec![
        Mount {
            name: "state",
            mount_path: format!("{}/.funcdock", plan.arguments.app_path),
            read_only: false,
        },
        Mount {
            name: "tmp",
            mount_path: "/tmp".to_owned(),
            read_only: false,
        },
    ];
    if plan.functions.needs_keys {
        mounts.push(Mount {
            name: "keys",
            mount_path: KEYS_FOLDER.to_owned(),
            read_only: true,
        });
    }
    mounts
}

fn volumes(plan: &Plan<'_>) -> Vec<Volume> {
    let folder = |name| Volume {
        name,
        empty_dir: Some(EmptyFolder {}),
        secret: None,
    };
    let mut volumes = vec![folder("state"), folder("tmp")];
    if plan.functions.needs_keys {
        volumes.push(Volume {
            name: "keys",
            empty_dir: None,
            secret: Some(SecretVolume {
                secret_name: plan.keys_secret(),
                default_mode: KEYS_MODE,
            }),
        });
    }
    volumes
}
