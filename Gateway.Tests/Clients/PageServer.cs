using System.Net;
using System.Text.Json;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Tests.Clients;

/// <summary>Serves a page that runs one of the scripts in <c>Clients/node</c>, and receives the report of the script.</summary>
internal sealed class PageServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _script;
    private readonly TaskCompletionSource<JsonElement> _report = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private PageServer(WebApplication app, string script)
    {
        _app = app;
        _script = script;
    }

    /// <summary>The page.</summary>
    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/";

    /// <summary>The report, once the script has sent it.</summary>
    public Task<JsonElement> Report => _report.Task.GuardAsync();

    public static async Task<PageServer> StartAsync(string script)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var server = new PageServer(builder.Build(), script);
        server._app.Run(server.AnswerAsync);
        await server._app.StartAsync();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        var file = Path.GetFullPath(Path.Join(NodeToolchain.Folder, path));
        if (path == "/")
        {
            context.Response.ContentType = "text/html";
            await context.Response.WriteAsync($"<!doctype html><script type=\"module\" src=\"/{_script}\"></script>");
        }
        else if (path == "/report")
        {
            _report.TrySetResult(await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body));
        }
        else if (path.EndsWith(".mjs", StringComparison.Ordinal)
            && file.StartsWith(NodeToolchain.Folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            && File.Exists(file))
        {
            context.Response.ContentType = "text/javascript";
            await context.Response.SendFileAsync(file);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }
    }
}
