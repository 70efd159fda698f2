using System.Collections.Concurrent;
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

    private static readonly Lazy<Task<string>> InitializedData = new(InitializeDataAsync);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ConcurrentDictionary<Type, string> _databases = new();
    private readonly string _folder = TemporaryFolder();
    private readonly LoopbackPort _port = LoopbackPort.Claim();
    private Process? _server;

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
        Timeout = (int)HangGuard.Limit.TotalSeconds,
        CommandTimeout = (int)HangGuard.Limit.TotalSeconds,
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

    /// <summary>
    /// An empty database for a test of a class whose tests run one after another: the class's own, emptied, since a new one costs more than
    /// most tests do.
    /// </summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> EmptyDatabaseAsync(Type tests)
    {
        if (!_databases.TryGetValue(tests, out var connectionString))
        {
            return _databases[tests] = await CreateDatabaseAsync();
        }

        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("DROP SCHEMA public CASCADE; CREATE SCHEMA public", connection);
        await command.ExecuteNonQueryAsync();
        return connectionString;
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

            if (!Directory.Exists(_folder))
            {
                Directory.CreateDirectory(_folder);
                await RunAsync(Plain(_folder, "cp", "-a", await InitializedData.Value, _folder));
                if (AsPostgres.Length > 0)
                {
                    await RunAsync(Plain(_folder, "chown", "postgres", _folder));
                }
            }

            _server = Process.Start(StartInfo(
                _folder,
                "postgres",
                "-D", Path.Combine(_folder, "data"),
                "-h", "127.0.0.1",
                "-p", _port.ToString(),
                "-k", _folder,
                "-c", "fsync=off",

                // Its launcher starts a process for each database in turn, which costs more than the tests' own connections.
                "-c", "autovacuum=off",
                "-c", "jit=off",
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

    /// <summary>Stops the server as an outage does: its connections are cut, also busy ones.</summary>
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

    // The folder that initdb creates, once for all servers: a copy of it costs a sixth of a second one. It stays until the process ends.
    private static async Task<string> InitializeDataAsync()
    {
        var folder = TemporaryFolder();
        Directory.CreateDirectory(folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        var passwordFile = Path.Combine(folder, "password");
        await File.WriteAllTextAsync(passwordFile, Password);
        if (AsPostgres.Length > 0)
        {
            await RunAsync(Plain(folder, "chown", "-R", "postgres", folder));
        }

        var data = Path.Combine(folder, "data");
        await RunAsync(StartInfo(
            folder,
            "initdb",
            "-D", data,
            "-U", User,
            "-A", "scram-sha-256",
            "--pwfile", passwordFile,
            "-E", "UTF8",
            "--locale", "C",
            "--no-sync"));
        return data;
    }

    private static string TemporaryFolder() => Path.Combine(Path.GetTempPath(), "gateway-pg-" + Guid.NewGuid().ToString("N")[..8]);

    private static ProcessStartInfo StartInfo(string folder, string program, params string[] arguments)
    {
        string[] line = [.. AsPostgres, Path.Combine(Programs!, program), .. arguments];
        return Plain(folder, line[0], line[1..]);
    }

    private static ProcessStartInfo Plain(string folder, string program, params string[] arguments) => new(program, arguments)
    {
        // PostgreSQL wants a folder that it may enter.
        WorkingDirectory = folder,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

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
}
