using Gateway.Configuration.Reading;
using Gateway.Hosting;
using Gateway.Tests.Gateway.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Gateway.Tests.Gateway;

public sealed class GatewayProgramTests : IDisposable
{
    private readonly SettingsFolder _folder = new() { Args = ["--port", "0", "--ip", "127.0.0.1"] };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task EndWithoutASignal_IsAnError()
    {
        await using var app = await BuildAsync();
        var error = new StringWriter();
        StopOnceStarted(app);

        Assert.Equal(1, await GatewayProgram.RunToEndAsync(app, error));
        Assert.Equal("The gateway has ended without a signal; its log says why." + Environment.NewLine, error.ToString());
    }

    [Fact]
    public async Task EndBySignal_IsNone()
    {
        await using var app = await BuildAsync();
        var error = new StringWriter();
        app.Services.GetRequiredService<SignalLifetime>().NoteSignal();
        StopOnceStarted(app);

        Assert.Equal((0, ""), (await GatewayProgram.RunToEndAsync(app, error), error.ToString()));
    }

    [Theory]
    [InlineData("keys", "new", "--team", "a")]
    [InlineData("check")]
    [InlineData("--help")]
    public async Task OutputThatCannotBeWritten_IsOneLineAndExitCodeOne(params string[] args)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        using var error = new StringWriter();
        await using var full = new StreamWriter(new FullStream());

        var exitCode = await GatewayProgram.RunAsync(args, new Dictionary<string, string>(), _folder.Path, full, error);

        Assert.Equal((1, "The output cannot be written: No space left" + Environment.NewLine), (exitCode, error.ToString()));
    }

    [Fact]
    public async Task BackgroundServiceThatFails_DoesNotEndTheHost()
    {
        await using var app = await BuildAsync();

        Assert.Equal(
            BackgroundServiceExceptionBehavior.Ignore,
            app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<HostOptions>>().Value.BackgroundServiceExceptionBehavior);
    }

    /// <summary>Stops the host when it has started: a stop before that would cancel the start.</summary>
    private static void StopOnceStarted(WebApplication app) => app.Lifetime.ApplicationStarted.Register(app.Lifetime.StopApplication);

    private async Task<WebApplication> BuildAsync()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());
        var sources = _folder.Sources();
        return global::Gateway.Hosting.GatewayHost.Build(
            await _folder.LoadGoodAsync(), sources, SettingsFiles.Read(sources), _folder.Loader, TextWriter.Null);
    }

    private sealed class FullStream : MemoryStream
    {
        private bool _wasTold;

        public override void Write(byte[] buffer, int offset, int count) => Fail();

        public override void Write(ReadOnlySpan<byte> buffer) => Fail();

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Fail();
            return Task.CompletedTask;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Fail();
            return default;
        }

        // Fails only once: the test is not about the end of the writer.
        private void Fail()
        {
            if (!_wasTold)
            {
                _wasTold = true;
                throw new IOException("No space left");
            }
        }
    }
}
