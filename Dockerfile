# The controller alone. Nothing else is in the image: no shell, nothing to scan.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/tidings:TAG --push .
#
# The first stage runs on each platform that is asked for (by emulation where the
# builder has another), so there is no cross compiler that could go wrong.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN install -D "$(crates/tidings/build-static | tail -1)" /out/tidings

FROM scratch
# Whom to trust where a notification goes by https.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/tidings /tidings
USER 65534:65534
EXPOSE 9090
# Called with options only, it is the controller, as Reloader is.
ENTRYPOINT ["/tidings"]
