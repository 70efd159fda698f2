using System.Net;
using System.Net.Security;
using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Hosting;
using Gateway.Observability;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Support;

/// <summary>
/// A gateway that listens on a real socket of 127.0.0.1, with a settings file and a folder of its own. It runs in this process, unless
/// the test needs a process or <see cref="GatewayProcess.ProgramVariable"/> names a published program, which the tests then run.
/// </summary>
internal sealed partial class GatewayHost : IAsyncDisposable
{
    private readonly TempFolder _folder;
    private readonly Factory? _factory;

    private GatewayHost(TempFolder folder, Uri address, Factory? factory, GatewayProcess? process)
    {
        _folder = folder;
        _factory = factory;
        RunningProcess = process;
        Address = address;
        Client = new HttpClient(NewHandler()) { BaseAddress = address, Timeout = HangGuard.Limit };
        Client.DefaultRequestHeaders.Add("Authorization", "Bearer sk-or-v1-test");
    }

    /// <summary>Where it listens: scheme, address and port.</summary>
    public Uri Address { get; }

    /// <summary>A client with a bearer; it follows no redirect and decompresses nothing.</summary>
    public HttpClient Client { get; }

    /// <summary>The process, where it runs as one.</summary>
    public GatewayProcess? RunningProcess { get; }

    /// <summary>The same, for tests that asked for a process.</summary>
    public GatewayProcess Process => RunningProcess ?? throw new InvalidOperationException("This gateway runs inside the test's process.");

    /// <summary>The log, for tests that asked for it or for a process; with a process, all that it prints.</summary>
    public PrintedLines Log => RunningProcess?.Printed ?? _factory?.Log ?? throw new InvalidOperationException("This gateway has no log.");

    /// <summary>The services of a gateway inside the test's process.</summary>
    public IServiceProvider Services => _factory?.Services ?? throw new InvalidOperationException("This gateway runs as a process.");

    /// <summary>The settings file, to be edited.</summary>
    public string SettingsPath => _folder.File("appsettings.json");

    /// <summary>The folder of the settings file; the working directory of a process.</summary>
    public TempFolder Folder => _folder;

    public static async Task<GatewayHost> StartAsync(Action<GatewayHostOptions> configure)
    {
        var options = new GatewayHostOptions();
        configure(options);
        var folder = new TempFolder();
        try
        {
            folder.Write("appsettings.json", options.Settings);
            var arguments = ArgumentsOf(options, folder);
            var needsProcess =
                options.OutOfProcess || options.Arguments.Count > 0 || options.Environment.Count > 0 || options.Mappings.Count > 1;
            if (needsProcess || GatewayProcess.PublishedProgram is not null)
            {
                var flags = arguments.SelectMany(
                    argument => argument.Value is null ? [$"--{argument.Name}"] : new[] { $"--{argument.Name}", argument.Value });
                var process = GatewayProcess.Start([.. flags, .. options.Arguments], folder.Path, options.Environment, options.Through);
                try
                {
                    var processAddress = await process.WaitForAddressAsync(options.Upstream);
                    return new GatewayHost(folder, processAddress, null, process);
                }
                catch
                {
                    await process.DisposeAsync();
                    throw;
                }
            }

            var factory = new Factory(folder, arguments, options.Time, options.HasLog);
            factory.UseKestrel();
            factory.StartServer();
            await factory.Started.GuardAsync();
            var addresses = factory.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
            return new GatewayHost(folder, new Uri(addresses.Single()), factory, null);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Writes the settings file in place, at once: with a wait for a thread in between, the gateway could find an empty file.</summary>
    public Task WriteSettingsAsync(string text)
    {
        File.WriteAllText(SettingsPath, text);
        return Task.CompletedTask;
    }

    /// <summary>The page of <c>/health</c>.</summary>
    public async Task<JsonElement> HealthAsync()
    {
        using var document = JsonDocument.Parse(await Client.GetStringAsync("/health"));
        return document.RootElement.Clone();
    }

    /// <summary>The version of the settings in force.</summary>
    public async Task<string> VersionAsync() => (await HealthAsync()).GetProperty("version").GetString()!;

    /// <summary>Waits until another version than this one is in force.</summary>
    public async Task<string> WaitForVersionChangeAsync(string from)
    {
        return await Eventually.GetAsync(
            async () => await VersionAsync() is var version && version != from ? version : null,
            $"settings of another version than {from}");
    }

    /// <summary>Writes the settings file in place and waits until it is in force.</summary>
    public async Task ReloadAsync(string text)
    {
        var before = await VersionAsync();
        await WriteSettingsAsync(text);
        await WaitForVersionChangeAsync(before);
    }

    /// <summary>The same with a clock that the test drives, in steps that leave the time of the test's own limits.</summary>
    public async Task ReloadAsync(string text, FakeTimeProvider time)
    {
        var before = await VersionAsync();
        await WriteSettingsAsync(text);
        await time.AdvanceUntilAsync(TimeSpan.FromMilliseconds(50), async () => await VersionAsync() != before, "the settings' reload");
    }

    /// <summary>A client of the admin address. The system chooses the port; the log of a process has it.</summary>
    public async Task<HttpClient> AdminClientAsync()
    {
        if (RunningProcess is null)
        {
            var address = new Uri(Services.GetRequiredService<global::Gateway.Admin.AdminHost>().Addresses.Single());
            return new HttpClient(NewHandler()) { BaseAddress = address, Timeout = HangGuard.Limit };
        }

        var line = await Log.WaitForAsync(static line => AdminLine().IsMatch(line), "the admin address");
        return new HttpClient(NewHandler()) { BaseAddress = new Uri("http://" + AdminLine().Match(line).Groups["address"].Value) };
    }

    /// <summary>A raw connection to it.</summary>
    public Task<RawHttpClient> ConnectAsync() => RawHttpClient.ConnectAsync(Address);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (RunningProcess is not null)
        {
            await RunningProcess.DisposeAsync();
        }

        if (_factory is not null)
        {
            // An end without a signal is an error that the program reports.
            _factory.Services.GetRequiredService<global::Gateway.Hosting.SignalLifetime>().NoteSignal();
            await _factory.DisposeAsync();
        }

        _folder.Dispose();
    }

    private static List<(string Name, string? Value)> ArgumentsOf(GatewayHostOptions options, TempFolder folder)
    {
        List<(string Name, string? Value)> arguments =
        [
            ("config", folder.File("appsettings.json")),
            ("ip", IPAddress.Loopback.ToString()),
            ("port", "0"),
        ];
        if (options.Upstream is { } upstream)
        {
            arguments.Add(("openrouter-base-url", upstream));
        }

        arguments.AddRange(options.Mappings.Select(mapping => ("model-provider-mapping", (string?)mapping)));
        if (options.Certificate is { } certificate)
        {
            var (certificatePath, keyPath) = certificate.WriteTo(folder);
            arguments.AddRange([("https", null), ("cert-path", certificatePath), ("key-path", keyPath)]);
        }

        return arguments;
    }

    [GeneratedRegex("\"Addresses\":\"(?<address>127\\.0\\.0\\.1:\\d+)\",\"RequiresToken\"")]
    private static partial Regex AdminLine();

    private static SocketsHttpHandler NewHandler()
    {
        return new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseProxy = false,
            UseCookies = false,
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = TestCertificate.Accept },
        };
    }

    /// <summary>The program's own entry point, started by the test host; settings reach it as <c>--name=value</c>.</summary>
    private sealed class Factory : WebApplicationFactory<Program>
    {
        private readonly TempFolder _folder;
        private readonly List<(string Name, string? Value)> _arguments;
        private readonly TimeProvider? _time;
        private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Factory(TempFolder folder, List<(string Name, string? Value)> arguments, TimeProvider? time, bool hasLog)
        {
            _folder = folder;
            _arguments = arguments;
            _time = time;
            Log = hasLog ? new PrintedLines(static limit => new TaskCompletionSource().Task.WaitAsync(limit), static () => "has ended") : null;
        }

        /// <summary>The log, if it is kept.</summary>
        public PrintedLines? Log { get; }

        /// <summary>
        /// Completes after all callbacks of the start: the factory itself returns at the first one. They run in the reverse order of their
        /// registration, and the service that registers this one is created before all others.
        /// </summary>
        public Task Started => _started.Task;

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment("Production");
            builder.UseContentRoot(_folder.Path);

            // Hundreds of gateways in one process would drown the test runner's own output.
            builder.ConfigureLogging(logging =>
            {
                logging.ClearProviders();
                if (Log is { } log)
                {
                    logging.AddOutput(new CompactLineFormatter(), new LineWriter(log.Add));
                }
            });
            builder.ConfigureServices(services =>
            {
                // Its full collection at each start would be one of the whole test run's heap: a fifth of a second in which no test runs.
                // The host of the admin address, which passes through here on occasion, does not have it.
                foreach (var trimmer in services.Where(static service => service.ImplementationType == typeof(StartupMemoryTrimmer)).ToList())
                {
                    services.Remove(trimmer);
                }

                services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(
                    provider => new StartObserver(provider.GetRequiredService<IHostApplicationLifetime>(), _started)));
                if (_time is { } time)
                {
                    services.AddSingleton(time);
                }
            });

            foreach (var (name, value) in _arguments)
            {
                builder.UseSetting(name, value ?? "true");
            }
        }
    }

    /// <summary>Reports the last callback of the start.</summary>
    private sealed class StartObserver : IHostedService
    {
        public StartObserver(IHostApplicationLifetime lifetime, TaskCompletionSource started) => lifetime.ApplicationStarted.Register(started.SetResult);

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
