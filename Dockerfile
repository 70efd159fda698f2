# docker build .               the gateway as a native program
# docker build --target jit .  the same program for the JIT compiler; docs/operations.md says what each costs
#
# Base images are pinned by digest, so that a build is repeatable and a moved tag changes nothing; the tag before the digest names the
# version. To update, change both together.
#
# Restore is a layer of its own, so a code change does not download the packages again.
FROM mcr.microsoft.com/dotnet/sdk:10.0.401@sha256:e70cdb7f80b0348f5cb85f19a8f670fca061f033d57eed12fa003d58b0e06317 AS projects
WORKDIR /src
COPY global.json Directory.Build.props Directory.Packages.props BannedSymbols.txt ./
COPY Gateway/Gateway.csproj Gateway/
COPY Gateway.Transforms/Gateway.Transforms.csproj Gateway.Transforms/
RUN mkdir -p /var/lib/gateway

FROM projects AS build-native
RUN apt-get update \
 && apt-get install -y --no-install-recommends clang zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
RUN dotnet restore Gateway --use-current-runtime -p:PublishAot=true
COPY .editorconfig appsettings.json appsettings.schema.json ./
COPY Gateway.Transforms Gateway.Transforms
COPY Gateway Gateway
RUN dotnet publish Gateway -c Release --use-current-runtime --no-restore -p:PublishAot=true -p:DebugType=none -p:StripSymbols=true -o /app \
 && rm -f /app/*.dbg /app/appsettings.json /app/appsettings.schema.json

# Brings the runtime along, trimmed to what the program uses, so that both images have one base.
FROM projects AS build-jit
RUN dotnet restore Gateway --use-current-runtime -p:SelfContained=true -p:PublishReadyToRun=true -p:PublishTrimmed=true
COPY .editorconfig appsettings.json appsettings.schema.json ./
COPY Gateway.Transforms Gateway.Transforms
COPY Gateway Gateway
RUN dotnet publish Gateway -c Release --use-current-runtime --no-restore -p:SelfContained=true -p:PublishReadyToRun=true -p:PublishTrimmed=true -p:DebugType=none -o /app \
 && rm -f /app/appsettings.json /app/appsettings.schema.json

# Certificates and the C and C++ libraries, but no .NET runtime.
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0.12-noble-chiseled@sha256:18d4848091a40d13dbfdd6a8340c1657dc3e2f2d7fa2f042e9d162e68669dbc9 AS image
# The settings. Mount a folder here, not a file: editors and ConfigMaps replace the file, and a mounted file would keep showing its old content.
COPY appsettings.json appsettings.schema.json /etc/gateway/
ENV GATEWAY_CONFIG=/etc/gateway/appsettings.json
# The data: ledger and prices. Relative paths of the settings start here.
COPY --from=projects --chown=$APP_UID:$APP_UID /var/lib/gateway /var/lib/gateway
VOLUME /var/lib/gateway
WORKDIR /var/lib/gateway
USER $APP_UID
EXPOSE 3000
# The health check reads the same settings but not the flags of the container: set address, port and HTTPS by file or variable.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/app/Gateway", "health"]
ENTRYPOINT ["/app/Gateway"]

FROM image AS jit
COPY --from=build-jit /app /app

FROM image AS native
COPY --from=build-native /app /app
