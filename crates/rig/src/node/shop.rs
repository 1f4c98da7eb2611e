//! A program that serves the variable it was started with, and a container beside it: for
//! the demo and the benchmark of what is brought by starting containers again.

/// The Deployment.
pub const SHOP: &str = "deployment/shop";
/// What its pods are labelled with.
pub const LABELS: &str = "app=shop";

/// As it is applied, with `configmap/env` beside it ([`super::web::level`]); it listens
/// where [`super::web::serves_at`] asks.
pub const MANIFEST: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  annotations:
    tidings.dev/reload: auto
    tidings.dev/method: restart-in-place, rollout
spec:
  replicas: 2
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      containers:
        - name: shop
          image: tidings.test/busybox:1
          command: [sh, -c, "trap exit TERM; mkdir /www; echo LEVEL=$LEVEL >/www/index.html;
                    httpd -p 8080 -h /www; sleep 1000000 & wait"]
          env: [{ name: LEVEL, valueFrom: { configMapKeyRef: { name: env, key: LEVEL } } }]
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
          resources: { requests: { cpu: 50m } }
          resizePolicy: [{ resourceName: cpu, restartPolicy: RestartContainer }]
        - name: beside
          image: tidings.test/busybox:1
          command: [sh, -c, "trap exit TERM; sleep 1000000 & wait"]
"#;

/// The same with so many pods, by these methods.
pub fn manifest(replicas: usize, methods: &str) -> String {
    MANIFEST
        .replace("replicas: 2", &format!("replicas: {replicas}"))
        .replace("restart-in-place, rollout", methods)
}
