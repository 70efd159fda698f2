using System.Net;
using System.Net.Sockets;
using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Errors;
using Gateway.Health;
using Gateway.Ledger;
using Gateway.Observability;
using Gateway.Primitives;
using Gateway.Reports;
using Gateway.Requests;
using Gateway.Routing;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;
using OpenTelemetry.Metrics;

namespace Gateway.Admin;

/// <summary>
/// The admin address: dashboard, usage, look-up, metrics and explanations on a separate listener, unreachable through the public port. It
/// starts before the public listener, so a failed bind stops the start before any request is served.
/// </summary>
internal sealed partial class AdminHost : IHostedService, IAsyncDisposable
{
    private const string Live = ProbePaths.Live;
    private const long MaxRequestBodySize = 1024 * 1024;

    // Below the file descriptors that the public listener leaves to others (OpenFiles).
    private const int MaxConnections = 32;

    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KeepAliveTimeout = TimeSpan.FromSeconds(75);
    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(1);

    private readonly AdminSettings _settings;
    private readonly AdminAddress _address;
    private readonly AdminGuard _guard;
    private readonly UsageEndpoint _usage;
    private readonly RequestsEndpoint _requests;
    private readonly TeamsEndpoint _teams;
    private readonly ExplainEndpoint _explain;
    private readonly SettingsStore _store;
    private readonly Func<string?> _limitStoreFault;
    private readonly MeterProvider _metrics;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<AdminHost> _logger;
    private WebApplication? _app;

    /// <summary>Creates the host.</summary>
    /// <param name="settings">Section <c>Admin</c>, with the token itself in place of its reference.</param>
    /// <param name="store">The current settings.</param>
    /// <param name="requests">The endpoint of requests.</param>
    /// <param name="teams">The endpoint of teams.</param>
    /// <param name="explain">The endpoint of explanations.</param>
    /// <param name="ledger">Returns the ledger; <see langword="null"/> if there is none.</param>
    /// <param name="limitStoreFault">Returns why the store of limits fails; <see langword="null"/> as long as it works.</param>
    /// <param name="metrics">The metrics of <c>/metrics</c>.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">The gateway's loggers.</param>
    /// <exception cref="AdminListenException">The address is invalid, or is not loopback and has no token.</exception>
    public AdminHost(
        AdminSettings settings,
        SettingsStore store,
        RequestsEndpoint requests,
        TeamsEndpoint teams,
        ExplainEndpoint explain,
        Func<ValueTask<ILedgerStore?>> ledger,
        Func<string?> limitStoreFault,
        MeterProvider metrics,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        // The settings check reports these faults first; the constructor enforces them.
        _settings = settings;
        _address = AdminAddress.Parse(settings.Url) ?? throw new AdminListenException($"Admin:Url: {AdminAddress.Expected}");
        if (!_address.IsLoopback && settings.Token.Length == 0)
        {
            throw new AdminListenException($"Admin:Token: {AdminAddress.TokenExpected}");
        }

        _guard = new AdminGuard(settings.Token);
        _usage = new UsageEndpoint(ledger, time, loggers.CreateLogger<UsageEndpoint>());
        _requests = requests;
        _teams = teams;
        _explain = explain;
        _store = store;
        _limitStoreFault = limitStoreFault;
        _metrics = metrics;
        _time = time;
        _loggers = loggers;
        _logger = loggers.CreateLogger<AdminHost>();
    }

    /// <summary>The bound addresses, after the start.</summary>
    public IReadOnlyCollection<string> Addresses =>
        [.. _app?.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? []];

    /// <summary>The endpoints, after the start.</summary>
    internal IEnumerable<Endpoint> Endpoints => ((IEndpointRouteBuilder?)_app)?.DataSources.SelectMany(static source => source.Endpoints) ?? [];

    /// <inheritdoc />
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _app = Build();
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            throw new AdminListenException($"Admin:Url: cannot listen on {_address}: {fault.Message}", fault);
        }

        // Logged without the scheme: scripts search the log for the URL of the public listener.
        Log.AdminStarted(
            _logger, string.Join(", ", Addresses.Select(address => new Uri(address).Authority)), _settings.Token.Length > 0);
    }

    /// <inheritdoc />
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_app is not null)
        {
            // The shutdown does not wait for a scrape in progress.
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(TimeToStop);
            await _app.StopAsync(limit.Token);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    private WebApplication Build()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(Listen);
        builder.Services.AddRoutingCore();

        // The gateway's loggers. A container does not dispose instances that were passed to it. The gateway handles the signals for both
        // hosts.
        builder.Services.AddSingleton<ILoggerFactory>(new SharedLoggerFactory(_loggers));
        builder.Services.AddSingleton<IHostLifetime, NestedHostLifetime>();

        var app = builder.Build();
        app.Use(Begin);
        app.UseMiddleware<ErrorMiddleware>();
        app.Use(Guard);
        app.UseRouting();
        Read("/admin/usage", AdminOperations.Usage, _usage.AnswerAsync);
        Read("/admin/requests", AdminOperations.Requests, _requests.AnswerManyAsync);
        Read($"/admin/requests/{{{RequestsEndpoint.IdParameter}}}", AdminOperations.Request, _requests.AnswerOneAsync);
        Read("/admin/teams", AdminOperations.Teams, _teams.AnswerAsync);
        Read(
            "/admin/health",
            AdminOperations.Health,
            context => AdminResponses.WriteAsync(context, "application/json", HealthReport.Render(_store.State, _limitStoreFault())));
        Read(
            "/admin/rules",
            AdminOperations.Rules,
            context => AdminResponses.WriteAsync(context, "application/json", RulesReport.Render(_store.Current)));
        app.MapMethods("/admin/explain", [HttpMethods.Post], _explain.AnswerAsync).WithMetadata(AdminOperations.Explain);
        Read(
            "/admin/openapi.json",
            AdminOperations.Document,
            context => OpenApiDocument.AnswerAsync(context, ((IEndpointRouteBuilder)app).DataSources));
        Read(Live, AdminOperations.Live, static context => AdminResponses.WriteAsync(context, "application/json", HealthReport.Live));
        app.MapScrape("/metrics", _metrics).WithMetadata(AdminOperations.Metrics);
        app.MapDashboard();
        return app;

        void Read(string path, AdminOperation operation, RequestDelegate answer) =>
            app.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], answer).WithMetadata(operation);
    }

    private void Listen(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.MaxRequestBodySize = MaxRequestBodySize;
        kestrel.Limits.RequestHeadersTimeout = HeadersTimeout;
        kestrel.Limits.KeepAliveTimeout = KeepAliveTimeout;

        // The system cannot choose one port for both loopback addresses.
        var address = _address is { Address: null, Port: 0 } ? IPAddress.Loopback : _address.Address;
        if (address is null)
        {
            kestrel.ListenLocalhost(_address.Port, static listener => listener.Protocols = HttpProtocols.Http1);
        }
        else
        {
            kestrel.Listen(address, _address.Port, static listener => listener.Protocols = HttpProtocols.Http1);
        }
    }

    /// <summary>
    /// Sets the request values that errors need, and the headers of all responses: nothing is stored but the dashboard's files, and pages of
    /// other origins may read nothing, unlike on the public port.
    /// </summary>
    private Task Begin(HttpContext context, RequestDelegate next)
    {
        context.Features.Set(new GatewayContext { StartedAt = _time.GetTimestamp(), ArrivedAt = _time.GetUtcNow() });
        context.Response.OnStarting(
            static response =>
            {
                var headers = ((HttpResponse)response).Headers;
                if (headers.CacheControl.Count == 0)
                {
                    headers.CacheControl = "no-store";
                }

                headers.XContentTypeOptions = "nosniff";
                headers.Remove(HeaderNames.AccessControlAllowOrigin);
                return Task.CompletedTask;
            },
            context.Response);
        return next(context);
    }

    /// <summary>
    /// Runs before routing: unauthorized callers get the same response for every path but that of the probe, which says nothing else.
    /// </summary>
    private Task Guard(HttpContext context, RequestDelegate next) =>
        !context.Request.Path.Equals(Live, StringComparison.Ordinal) && _guard.FindFault(context.Request) is { } fault ? ErrorMiddleware.RefuseAsync(context, fault) : next(context);

    /// <summary>The gateway starts and stops this host; it handles no signals itself.</summary>
    private sealed class NestedHostLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>The gateway's loggers, without the host's messages about its start and stop: the gateway logs its own.</summary>
    private sealed class SharedLoggerFactory(ILoggerFactory loggers) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => categoryName == "Microsoft.Hosting.Lifetime"
            ? Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance
            : loggers.CreateLogger(categoryName);

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.AdminStarted,
            LogLevel.Information,
            "Dashboard, usage, metrics and explanations are served at {Addresses}; token required: {RequiresToken}")]
        public static partial void AdminStarted(ILogger logger, string addresses, bool requiresToken);
    }
}
