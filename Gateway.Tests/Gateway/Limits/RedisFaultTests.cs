using System.Net.Sockets;
using Gateway.Limits;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a Redis that refuses the gateway is reported with the reason, and without names and passwords.</summary>
public sealed class RedisFaultTests : IAsyncLifetime
{
    private const string Script = "return redis.call('SET', KEYS[1], '1')";

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

    /// <summary>Runs scripts until the circuit is open for the expected reason, which the log has, too.</summary>
    private async Task FailAsync(ConfigurationOptions options, string expected)
    {
        using var loggers = new LoggerFactory([_logs]);
        await using var link = new RedisLink(options, "t:", TimeSpan.FromSeconds(5), TimeProvider.System, loggers.CreateLogger<RedisLink>());

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
