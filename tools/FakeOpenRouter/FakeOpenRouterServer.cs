using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace FakeOpenRouter;

/// <summary>A scripted OpenRouter on 127.0.0.1: the whole program, which tests can also start in their process.</summary>
internal sealed class FakeOpenRouterServer : IAsyncDisposable
{
    /// <summary>The longest wait for a peer to close an HTTP/2 connection that has ended.</summary>
    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(5);

    private readonly WebApplication _app;
    private readonly RequestHandler _handler;
    private readonly ScenarioPlayer _scenario;
    private readonly OutageSwitch _outage;

    private FakeOpenRouterServer(
        WebApplication app, RequestHandler handler, ConnectionCounter connections, ScenarioPlayer scenario, OutageSwitch outage)
    {
        _app = app;
        _handler = handler;
        _scenario = scenario;
        _outage = outage;
        Connections = connections;
        RootUrl = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();
    }

    /// <summary><c>http://127.0.0.1:NNNN</c>, with TLS <c>https://127.0.0.1:NNNN</c>.</summary>
    public string RootUrl { get; }

    /// <summary><see cref="RootUrl"/> with <c>/api/v1</c>: the base URL for a gateway.</summary>
    public string BaseUrl => RootUrl + RequestHandler.BasePath;

    /// <summary>The received requests.</summary>
    public RequestLog Requests => _handler.Requests;

    /// <summary>The bills of all generations.</summary>
    public BillingBook Book => _handler.Book;

    /// <summary>The models and their prices.</summary>
    public ModelCatalogue Prices => _handler.Prices;

    /// <summary>Damaged responses of the endpoints that a gateway queries by itself.</summary>
    public AnswerDamages Damages => _handler.Damages;

    /// <summary>The numbers of opened and of open connections.</summary>
    public ConnectionCounter Connections { get; }

    /// <summary>
    /// Script lines such as <c>x-fake-events: 20</c> for requests without their own script: for clients that cannot send headers.
    /// </summary>
    public void Script(params string[] lines) => _handler.DefaultScript = FakeScript.Parse(lines);

    /// <summary>Starts a scenario, from its first second and request. Ends the one before.</summary>
    public Task PlayAsync(Scenario scenario) => _scenario.PlayAsync(scenario);

    /// <summary>Binds the port and starts the server.</summary>
    public static async Task<FakeOpenRouterServer> StartAsync(FakeOpenRouterOptions? options = null)
    {
        options ??= new FakeOpenRouterOptions();
        var connections = new ConnectionCounter();
        var outage = new OutageSwitch();
        var scenario = new ScenarioPlayer(options.Time, outage, options.Note);
        var handler = new RequestHandler(options, options.Time, connections, scenario);

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.AllowSynchronousIO = false;

            // The server measures the limits of gateways, so it has none itself.
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestLineSize = 1024 * 1024;
            kestrel.Limits.MaxRequestBufferSize = 4 * 1024 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = 1024 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 1000;
            kestrel.Limits.Http2.MaxStreamsPerConnection = options.MaxStreams;
            kestrel.Listen(IPAddress.Loopback, options.Port, endpoint =>
            {
                endpoint.Protocols = options.Http2 ? HttpProtocols.Http2 : HttpProtocols.Http1AndHttp2;
                if (options.Certificate is { } certificate)
                {
                    endpoint.UseHttps(certificate);
                }

                endpoint.Use(next => async connection =>
                {
                    connections.Opened();
                    var isHttp2 = options.Http2
                        || connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol.Span.SequenceEqual("h2"u8) == true;
                    if (options.Record && !isHttp2)
                    {
                        HeadTap.Install(connection);
                    }

                    try
                    {
                        await (isHttp2 ? Linger.ServeAsync(connection, next, LingerTime) : next(connection));
                    }
                    finally
                    {
                        connections.Closed();
                    }
                });
            });
        });

        if (options is { Book: true, FlushesToSocket: true })
        {
            builder.WebHost.UseSockets(sockets => sockets.MaxWriteBufferSize = 1);
        }

        // Kestrel takes the listener factory that is registered last.
        builder.Services.AddSingleton<IConnectionListenerFactory>(services => outage.Wrap(
            ActivatorUtilities.CreateInstance<SocketTransportFactory>(services)));

        var app = builder.Build();
        app.Run(handler.HandleAsync);
        await app.StartAsync();
        await scenario.PlayAsync(options.Scenario);
        return new FakeOpenRouterServer(app, handler, connections, scenario, outage);
    }

    /// <summary>Stops at once; responses in progress are aborted.</summary>
    public async ValueTask DisposeAsync()
    {
        _scenario.Dispose();
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        _outage.Dispose();
    }
}
