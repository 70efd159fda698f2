# Restore is a layer of its own, so a code change does not download the packages again.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends clang zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY global.json Directory.Build.props Directory.Packages.props BannedSymbols.txt ./
COPY Gateway/Gateway.csproj Gateway/
COPY Gateway.Transforms/Gateway.Transforms.csproj Gateway.Transforms/
RUN dotnet restore Gateway --use-current-runtime -p:PublishAot=true
COPY .editorconfig appsettings.json ./
COPY Gateway.Transforms Gateway.Transforms
COPY Gateway Gateway
RUN dotnet publish Gateway -c Release --use-current-runtime --no-restore -p:PublishAot=true -p:DebugType=none -p:StripSymbols=true -o /app \
 && rm -f /app/*.dbg

# The native program needs certificates and the C library, but no .NET runtime.
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /app .
# The working directory takes precedence for settings. Mount a folder there, not a file: editors and ConfigMaps replace the file, and a mounted
# file would keep showing its old content.
WORKDIR /etc/gateway
USER $APP_UID
EXPOSE 3000
# The health check reads the same settings but not the flags of the container: set address, port and HTTPS by file or variable.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/app/Gateway", "health"]
ENTRYPOINT ["/app/Gateway"]
