# Two stages: build with the project's own scripts, run with Debian's libraries only.
FROM debian:bookworm-slim AS build
WORKDIR /src
# The packages apart from the sources: their layer is kept while the code changes.
COPY scripts/install-deps.sh scripts/
RUN scripts/install-deps.sh run
COPY . .
RUN scripts/build.sh release integration-service integration-cli integration-sim \
    && DESTDIR=/out cmake --install build --prefix /usr/local --strip

FROM debian:bookworm-slim
# Fixed ids: the owner of what lies in a volume.
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates curl tzdata libczmq4 libzmq5 libsodium23 libpq5 libhiredis0.14 libcivetweb1 libcurl4 \
        libsqlite3-0 libjansson4 libzstd1 libyaml-0-2 libssl3 \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 999 integration \
    && useradd --system --uid 999 --gid integration --no-create-home --home-dir /var/lib/integration \
        --shell /usr/sbin/nologin integration \
    && install -d -o integration -g integration -m 0750 /var/lib/integration
COPY --from=build /out/ /
COPY --from=build /src/proto/integration/ /usr/local/share/integration/proto/integration/
USER integration
WORKDIR /var/lib/integration
ENV INTEGRATION_DATA_DIR=/var/lib/integration/data
EXPOSE 8088 5556 5557
# Follows the settings of the environment; where a YAML file sets the address or TLS, set them here too.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD curl -fsSko /dev/null \
    "http${INTEGRATION_TLS_CERT:+s}://${INTEGRATION_HOST:-127.0.0.1}:${INTEGRATION_PORT:-8088}/readyz" || exit 1
ENTRYPOINT ["integration-service"]
