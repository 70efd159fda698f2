using System.Diagnostics;
using System.Globalization;
using Gateway.Tests.Support;
using Npgsql;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServer))]

namespace Gateway.Tests.Support;

/// <summary>
/// A PostgreSQL server of the tests' own, in a temporary folder and on a free port of the loopback address. The one that all tests share
/// comes with the constructor and starts with the first that needs it; a test that stops the server makes one for itself.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    /// <summary>In every connection string, so that tests can look for it where it must not be.</summary>
    public const string Password = "secret-of-the-database-61c5";

    private const string User = "gateway_tests";

    // PostgreSQL refuses to run as root.
    private static readonly string[] AsPostgres = Environment.UserName == "root"
        ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        : [];

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "gateway-pg-" + Guid.NewGuid().ToString("N")[..8]);
    private readonly LoopbackPort _port = LoopbackPort.Claim();
    private Process? _server;
    private bool _isInitialized;

    /// <summary>Where Debian and others keep the server's programs, newest version first, or <see langword="null"/>.</summary>
    private static string? Programs { get; } = new[] { "/usr/lib/postgresql" }
        .Where(Directory.Exists)
        .SelectMany(Directory.GetDirectories)
        .OrderByDescending(path => int.TryParse(Path.GetFileName(path), out var version) ? version : 0)
        .Select(path => Path.Combine(path, "bin"))
        .FirstOrDefault(path => File.Exists(Path.Combine(path, "initdb")) && File.Exists(Path.Combine(path, "postgres")));

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>The connection string of a database on the server, which need not exist.</summary>
    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = _port.Number,
        Username = User,
        Password = Password,
        Database = database,
    }.ConnectionString;

    /// <summary>Starts the server if need be, and makes an empty database. Skips the test where PostgreSQL is not installed.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        await StartAsync();
        var name = "t" + Guid.NewGuid().ToString("N");
        await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    /// <summary>Starts the server, for the first time or again with the same data and port.</summary>
    public async Task StartAsync()
    {
        Assert.SkipWhen(Programs is null, "PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin/postgres.");
        await _gate.WaitAsync();
        try
        {
            if (_server is { HasExited: false })
            {
                return;
            }

            if (!_isInitialized)
            {
                await InitializeDataAsync();
                _isInitialized = true;
            }

            _server = Process.Start(StartInfo(
                "postgres",
                "-D", Path.Combine(_folder, "data"),
                "-h", "127.0.0.1",
                "-p", _port.ToString(),
                "-k", _folder,
                "-c", "fsync=off",
                "-c", "max_connections=200"));
            _ = _server!.StandardError.ReadToEndAsync();
            _ = _server.StandardOutput.ReadToEndAsync();
            await Eventually.TrueAsync(AnswersAsync, "PostgreSQL to answer");
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Stops the server as an outage does: its connections are cut, whatever they do.</summary>
    public async Task StopAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_server is { HasExited: false } server)
            {
                // INT is PostgreSQL's fast shutdown.
                using var kill = Process.Start("kill", ["-INT", server.Id.ToString(CultureInfo.InvariantCulture)]);
                await kill.WaitForExitAsync();
                await server.WaitForExitAsync().GuardAsync();
            }

            _server?.Dispose();
            _server = null;
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }

        _port.Dispose();
        _gate.Dispose();
    }

    private static async Task RunAsync(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().GuardAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{start.FileName} exited with {process.ExitCode}: {await output}{await error}");
        }
    }

    private async Task InitializeDataAsync()
    {
        Directory.CreateDirectory(_folder);
        var passwordFile = Path.Combine(_folder, "password");
        await File.WriteAllTextAsync(passwordFile, Password);
        if (AsPostgres.Length > 0)
        {
            await RunAsync(Plain("chown", "-R", "postgres", _folder));
        }

        await RunAsync(StartInfo(
            "initdb",
            "-D", Path.Combine(_folder, "data"),
            "-U", User,
            "-A", "scram-sha-256",
            "--pwfile", passwordFile,
            "-E", "UTF8",
            "--locale", "C",
            "--no-sync"));
    }

    private async Task<bool> AnswersAsync()
    {
        if (_server is not { HasExited: false })
        {
            throw new InvalidOperationException("PostgreSQL has exited");
        }

        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private ProcessStartInfo StartInfo(string program, params string[] arguments)
    {
        string[] line = [.. AsPostgres, Path.Combine(Programs!, program), .. arguments];
        return Plain(line[0], line[1..]);
    }

    private ProcessStartInfo Plain(string program, params string[] arguments) => new(program, arguments)
    {
        // PostgreSQL wants a folder that it may enter.
        WorkingDirectory = _folder,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };
}
