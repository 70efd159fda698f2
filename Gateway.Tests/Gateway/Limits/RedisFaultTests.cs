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
        using var loggers = new LoggerFactory([_logs]);
        await using var link = new RedisLink(
            ConfigurationOptions.Parse(_server.Configuration + configuration),
            "t:",
            TimeSpan.FromSeconds(5),
            TimeProvider.System,
            loggers.CreateLogger<RedisLink>());

        await Eventually.GetAsync(
            async () =>
            {
                await Assert.ThrowsAsync<LimitStoreException>(async () => await link.RunAsync(Script, ["t:a"], []));
                return link.Fault?.StartsWith(expected, StringComparison.Ordinal) == true ? link.Fault : null;
            },
            () => $"the reason \"{expected}\"; it is \"{link.Fault}\"");

        await Eventually.TrueAsync(
            () => _logs.Lines.Any(line => line.Message.Contains(expected, StringComparison.Ordinal)), "a line with the reason");
        Assert.DoesNotContain(
            _logs.Lines,
            static line => line.Message.Contains("-one", StringComparison.Ordinal) || line.Message.Contains("limited", StringComparison.Ordinal));
    }
}
