# Two stages: build with the project's own scripts, run with Debian's libraries only.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN scripts/install-deps.sh run && scripts/build.sh release

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates curl tzdata libczmq4 libzmq5 libsodium23 libpq5 libhiredis0.14 libcivetweb1 libcurl4 \
        libsqlite3-0 libjansson4 libzstd1 libyaml-0-2 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home /var/lib/integration --create-home integration
COPY --from=build /src/build/integration-service /src/build/integration-sim /src/build/integration-cli /usr/local/bin/
COPY --from=build /src/build/lib/ /usr/local/bin/lib/
COPY --from=build /src/deploy/sim/prices/ /usr/local/share/integration-sim/prices/
COPY --from=build /src/proto/ /usr/local/share/integration/proto/
USER integration
WORKDIR /var/lib/integration
ENV INTEGRATION_DATA_DIR=/var/lib/integration/data
EXPOSE 8088 5556 5557
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD curl -fsS http://127.0.0.1:8088/readyz || exit 1
ENTRYPOINT ["integration-service"]
