using System.Net.Sockets;
using System.Reflection;
using System.Text.RegularExpressions;
using Gateway.Limits;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a Redis that refuses the gateway is reported with the reason, and without names and passwords.</summary>
public sealed partial class RedisFaultTests : IAsyncLifetime
{
    private const string Script = "redis.call('TIME') return redis.call('HSET', KEYS[1], 'a', '1')";

    private readonly CollectedLogs _logs = new();
    private RedisServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RedisServer.StartNewAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>An attempt to connect that is given up early, and again each time, would never reach a slow Redis.</summary>
    [Theory]
    [InlineData("localhost", 5000)]
    [InlineData("localhost,connectTimeout=9000", 9000)]
    public void AttemptToConnect_HasTheConfiguredTime(string configuration, int milliseconds)
    {
        var policy = RedisLink.OptionsOf(ConfigurationOptions.Parse(configuration), TimeSpan.FromMilliseconds(100)).ReconnectRetryPolicy;

        Assert.False(policy.ShouldRetry(1, milliseconds - 1));
        Assert.True(policy.ShouldRetry(1, milliseconds));
    }

    [Theory]
    [InlineData("CONFIG SET requirepass right-one", ",password=wrong-one", "Redis rejects the user name or the password")]
    [InlineData("CONFIG SET requirepass right-one", "", "Redis rejects the user name or the password")]
    [InlineData("ACL SETUSER limited on >right-one ~* &* +@all -eval -evalsha -script", ",user=limited,password=right-one", "Redis denies its user a right")]
    [InlineData("ACL SETUSER limited on >right-one ~* &* +@all -time", ",user=limited,password=right-one", "Redis denies its user a right")]
    [InlineData("PING", ",ssl=true", "The TLS handshake with Redis failed")]
    public async Task Refusal_IsNamed(string command, string configuration, string expected)
    {
        await _server.SendAsync(command);

        await FailAsync(ConfigurationOptions.Parse(_server.Configuration + configuration), expected);

        Assert.DoesNotContain(
            _logs.Lines,
            static line => line.Message.Contains("-one", StringComparison.Ordinal) || line.Message.Contains("limited", StringComparison.Ordinal));
    }

    /// <summary>A busy machine ends a handshake in another way than an idle one; the reason is the same for each.</summary>
    [Theory]
    [InlineData(HandshakeEnd.Closed)]
    [InlineData(HandshakeEnd.Reset)]
    [InlineData(HandshakeEnd.OtherProtocol)]
    [InlineData(HandshakeEnd.Silence)]
    public async Task HandshakeThatFails_IsNamed(HandshakeEnd end)
    {
        await using var server = new NoTlsServer(end);

        await FailAsync(ConfigurationOptions.Parse($"127.0.0.1:{server.Port},connectTimeout=300,ssl=true"), "The TLS handshake with Redis failed");
    }

    [Fact]
    public async Task CertificateThatIsNotTrusted_IsAFailedHandshake()
    {
        await using var front = new TlsFront(_server.Url);

        await FailAsync(ConfigurationOptions.Parse($"127.0.0.1:{front.Port},ssl=true"), "The TLS handshake with Redis failed");
    }

    /// <summary>As the client reports it, from a connection whose handshake succeeded: with the reply of Redis in a plain exception.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WrongPassword_IsNamedBehindTlsToo(bool isTls)
    {
        var fault = new RedisConnectionException(
            ConnectionFailureType.UnableToResolvePhysicalConnection,
            CommandFlags.None,
            "No connection is active",
            new RedisConnectionException(
                ConnectionFailureType.AuthenticationFailure, CommandFlags.None, "on 127.0.0.1", new InvalidOperationException("NOAUTH")));

        Assert.StartsWith(
            "Redis rejects the user name or the password", RedisFault.Describe(fault, isTls, TimeSpan.Zero), StringComparison.Ordinal);
        Assert.True(RedisFault.IsRefusal(fault, isTls));
    }

    /// <summary>As Redis 6, 7.0 and later versions report a command that a script may not run.</summary>
    [Theory]
    [InlineData("ERR The user executing the script can't run this command or subcommand script: 1, on @user_script:1.")]
    [InlineData("ERR The user executing the script can't access at least one of the keys mentioned in the command arguments")]
    [InlineData("ERR ACL failure in script: User limited has no permissions to run the 'time' command script: 1, on @user_script:1.")]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: The user executing the script can't run this command or subcommand")]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -NOPERM this user has no permissions")]
    public void RightThatAScriptLacks_IsARefusal(string message) => AssertRefusal("Redis denies its user a right", message);

    /// <summary>As Redis 6, and later versions, report a command that they do not have, in a script and outside of one.</summary>
    [Theory]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: Unknown Redis command called from Lua script")]
    [InlineData("ERR Unknown Redis command called from script script: 1, on @user_script:1.")]
    [InlineData("ERR unknown command 'EVALSHA', with args beginning with: ")]
    public void CommandThatRedisDoesNotHave_IsARefusal(string message) => AssertRefusal("Redis does not know a command", message);

    [Fact]
    public async Task CommandThatIsDisabled_IsNamed()
    {
        await _server.KillAsync();
        await _server.StartAsync("--rename-command", "TIME", "");

        await FailAsync(ConfigurationOptions.Parse(_server.Configuration), "Redis does not know a command");
    }

    [Theory]
    [InlineData("OOM command not allowed when used memory > 'maxmemory'.", true, "OOM")]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed", true, "OOM")]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write", true, "READONLY")]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -MISCONF Redis is configured", true, "MISCONF")]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: ERR increment or decrement would overflow", false, "ERR")]
    [InlineData("ERR hash value is not an integer", false, "ERR")]
    [InlineData("WRONGTYPE Operation against a key holding the wrong kind of value", false, "WRONGTYPE")]
    public void ErrorOfAScript_IsAnOutageUnlessItIsAboutOneValue(string message, bool isOutage, string code)
    {
        var fault = new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, message);

        Assert.Equal(isOutage, RedisFault.IsOutage(fault));
        Assert.Equal($"Redis answered with the error {code}.", RedisFault.Describe(fault, isTls: false, TimeSpan.Zero));
    }

    /// <summary>The circuit closes for a user with the rights that the document names and no others. The probe leaves no key.</summary>
    [Fact]
    public async Task RightThatIsGranted_ClosesTheCircuit()
    {
        var commands = string.Join(' ', CommandsOf(RedisLink.Probe).Select(static command => "+" + command));
        await _server.SendAsync($"ACL SETUSER limited on >right-one ~t:* +@connection +eval +evalsha +script {commands} -time");
        await using var link = Link(ConfigurationOptions.Parse(_server.Configuration + ",user=limited,password=right-one"));
        await FailAsync(link, "Redis denies its user a right");

        await _server.SendAsync("ACL SETUSER limited +time");

        await Eventually.TrueAsync(() => !link.IsOpen, "the circuit to close");
        Assert.Equal(":0", await _server.SendAsync("DBSIZE"));
    }

    [Fact]
    public void Probe_RunsTheCommandsOfAllScripts()
    {
        var scripts = new[] { typeof(RedisBudgetScripts), typeof(RedisLimitScripts) }
            .SelectMany(static type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Select(static field => (string)field.GetRawConstantValue()!);

        Assert.Equal(CommandsOf(string.Concat(scripts)), CommandsOf(RedisLink.Probe));
    }

    [Fact]
    public void CommandsOfTheScripts_AreInTheDocument()
    {
        var document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "configuration.md")).ReplaceLineEndings(" ");

        Assert.Contains(string.Join(", ", CommandsOf(RedisLink.Probe).Select(static command => $"`{command}`")), document, StringComparison.Ordinal);
    }

    private static void AssertRefusal(string expected, string message)
    {
        var fault = new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, message);

        Assert.StartsWith(expected, RedisFault.Describe(fault, isTls: false, TimeSpan.Zero), StringComparison.Ordinal);
        Assert.True(RedisFault.IsRefusal(fault, isTls: false));
        Assert.True(RedisFault.IsOutage(fault));
    }

    private static SortedSet<string> CommandsOf(string script) =>
        new(Calls().Matches(script).Select(static call => call.Groups[1].Value), StringComparer.Ordinal);

    [GeneratedRegex(@"redis\.p?call\('(\w+)'")]
    private static partial Regex Calls();

    private RedisLink Link(ConfigurationOptions options)
    {
        var logger = new LoggerFactory([_logs]).CreateLogger<RedisLink>();
        return new RedisLink(options, "t:", TimeSpan.FromSeconds(5), TimeProvider.System, logger);
    }

    private async Task FailAsync(ConfigurationOptions options, string expected)
    {
        await using var link = Link(options);
        await FailAsync(link, expected);
    }

    /// <summary>Runs scripts until the circuit is open for the expected reason, which the log has, too.</summary>
    private async Task FailAsync(RedisLink link, string expected)
    {
        await Eventually.GetAsync(
            async () =>
            {
                await Assert.ThrowsAsync<LimitStoreException>(async () => await link.RunAsync(Script, ["t:a"], []));
                return link.Fault?.StartsWith(expected, StringComparison.Ordinal) == true ? link.Fault : null;
            },
            () => $"the reason \"{expected}\"; it is \"{link.Fault}\"");

        await Eventually.TrueAsync(
            () => _logs.Lines.Any(line => line.Message.Contains(expected, StringComparison.Ordinal)), "a line with the reason");
    }

    /// <summary>How a server without TLS treats a handshake.</summary>
    public enum HandshakeEnd
    {
        /// <summary>It closes the connection.</summary>
        Closed,

        /// <summary>It resets the connection.</summary>
        Reset,

        /// <summary>It answers in its own protocol.</summary>
        OtherProtocol,

        /// <summary>It waits for more.</summary>
        Silence,
    }

    private sealed class NoTlsServer(HandshakeEnd end) : LoopbackServer
    {
        protected override async Task ServeAsync(NetworkStream client, CancellationToken cancellationToken)
        {
            await client.ReadExactlyAsync(new byte[16], cancellationToken);
            switch (end)
            {
                case HandshakeEnd.Reset:
                    client.Socket.Close(0);
                    break;
                case HandshakeEnd.OtherProtocol:
                    await client.WriteAsync("-ERR unknown command\r\n"u8.ToArray(), cancellationToken);
                    break;
                case HandshakeEnd.Silence:
                    await client.CopyToAsync(Stream.Null, cancellationToken);
                    break;
            }
        }
    }
}
