//! The example, as the README has it.

use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::fixtures::config_map;

/// Where it is.
pub(super) const NAMESPACE: &str = "stage";
/// What it is called.
pub(super) const WORKLOAD: &str = "deployment/demo-deployment";

/// What matters of it, as people write it.
pub(super) const ESSENTIALS: &str = r#"
kind: Deployment
metadata:
  name: demo-deployment
  namespace: stage
  annotations:
    configmap.reloader.stakater.com/reload: "nginx-config, demo-config"
spec:
  template:
    spec:
      volumes:
        - configMap: {name: nginx-config}     # items: nginx.conf, mime.types,
      containers:                             #        conf.d__default.conf
        - volumeMounts: [{mountPath: /etc/nginx/}]
          envFrom: [{configMapRef: {name: demo-config}}]
"#;

/// The two ConfigMaps.
pub(super) fn sources() -> [DynamicObject; 2] {
    let nginx = [
        ("nginx.conf", "events {}\nhttp { include mime.types; }\n"),
        ("mime.types", "types { text/html html; }\n"),
        ("conf.d__default.conf", "server { listen 80; }\n"),
    ];
    let demo = [("LOG_LEVEL", "info"), ("GREETING", "good morning")];
    [
        config_map("nginx-config", &nginx),
        config_map("demo-config", &demo),
    ]
}

/// The Deployment.
pub(super) fn deployment() -> serde_json::Result<DynamicObject> {
    let labels = json!({"app": "config-demo-app"});
    let reload = json!({"configmap.reloader.stakater.com/reload": "nginx-config, demo-config"});
    serde_json::from_value(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "demo-deployment", "annotations": reload, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod()},
        },
    }))
}

fn pod() -> Value {
    let items = [
        json!({"key": "nginx.conf", "path": "nginx.conf"}),
        json!({"key": "mime.types", "path": "mime.types"}),
        json!({"key": "conf.d__default.conf", "path": "conf.d/default.conf"}),
    ];
    let volume = json!({
        "name": "configmap-volume",
        "configMap": {"name": "nginx-config", "items": items},
    });
    let mount = json!({"mountPath": "/etc/nginx/", "name": "configmap-volume", "readOnly": true});
    let container = json!({
        "name": "config-demo-app",
        "image": "nginx:latest",
        "ports": [{"containerPort": 80}],
        "volumeMounts": [mount],
        "envFrom": [{"configMapRef": {"name": "demo-config"}}],
    });
    json!({"volumes": [volume], "containers": [container]})
}
