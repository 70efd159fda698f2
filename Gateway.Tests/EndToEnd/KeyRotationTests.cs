using Gateway.Teams;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: keys of clients and keys to OpenRouter change without a restart and without a failed request.</summary>
public sealed class KeyRotationTests
{
    private const string Chat = "/v1/chat/completions";
    [Fact]
    public async Task ClientKeys_RotateUnderLoad()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Environment["TEAM_KEY"] = TeamSetup.UpstreamKey;
            options.Settings = Settings("ogw-0", "ogw-1");
        });
        using var stop = new CancellationTokenSource();
        var current = 1;
        var answered = new int[3];
        var load = Enumerable.Range(0, 3).Select(async caller =>
        {
            await using var client = await pair.Gateway.ConnectAsync();
            while (!stop.IsCancellationRequested)
            {
                var key = Volatile.Read(ref current);
                await client.SendAsync(
                    $"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ogw-{key}\r\n"
                    + "Content-Length: 13\r\n\r\n{\"model\":\"m\"}");
                Assert.Equal(200, (await client.ReadAsync()).Head.Status);
                Volatile.Write(ref answered[caller], key);
            }
        }).ToList();

        // The old key and the new one are both good, then callers change over, then the old one goes.
        for (var i = 2; i <= 5; i++)
        {
            await pair.Gateway.ReloadAsync(Settings($"ogw-{i - 1}", $"ogw-{i}"));
            Volatile.Write(ref current, i);

            // Of every caller: the next reload removes the old key.
            var key = i;
            await Eventually.TrueAsync(
                () => Enumerable.Range(0, 3).All(caller => Volatile.Read(ref answered[caller]) == key), "requests with the new key");
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.Equal(401, (await pair.SendAsync("POST", Chat, ["Authorization: Bearer ogw-1"], "{}"u8.ToArray())).Status);
    }

    [Fact]
    public async Task SecretFile_IsReadAgainAndAVanishedOneChangesNothing()
    {
        using var secrets = new TempFolder();
        secrets.Write("search.key", "sk-or-v1-first\n");
        await using var pair = await GatewayPair.StartAsync(options =>
            options.Settings = TeamSetup.Settings(TeamSetup.Team(reference: $"file:{secrets.File("search.key")}")));
        Assert.Equal("Bearer sk-or-v1-first", await UpstreamKeyAsync(pair));

        secrets.Write("search.key", "sk-or-v1-second");
        await Eventually.TrueAsync(async () => await UpstreamKeyAsync(pair) == "Bearer sk-or-v1-second", "the second key");

        File.Delete(secrets.File("search.key"));
        await Eventually.TrueAsync(
            async () => (await pair.Gateway.HealthAsync()).GetProperty("status").GetString() == "degraded", "the refused settings");
        Assert.Equal("Bearer sk-or-v1-second", await UpstreamKeyAsync(pair));

        secrets.Write("search.key", "sk-or-v1-third");
        await Eventually.TrueAsync(async () => await UpstreamKeyAsync(pair) == "Bearer sk-or-v1-third", "the third key");
    }

    [Fact]
    public async Task SymlinkSwapOfASecretMount_IsSeen()
    {
        using var folder = new TempFolder();
        var mount = await KubernetesVolume.CreateAsync(folder.Path, ("search.key", "sk-or-v1-first"));
        await using var pair = await GatewayPair.StartAsync(options =>
            options.Settings = TeamSetup.Settings(TeamSetup.Team(reference: $"file:{mount.File("search.key")}")));
        Assert.Equal("Bearer sk-or-v1-first", await UpstreamKeyAsync(pair));

        await mount.UpdateAsync(("search.key", "sk-or-v1-second"));

        await Eventually.TrueAsync(async () => await UpstreamKeyAsync(pair) == "Bearer sk-or-v1-second", "the swapped key");
    }

    [Fact]
    public async Task KeyInDotEnv_IsReadAgain()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.Text;
        });
        pair.Gateway.Folder.Write(".env", "SEARCH_KEY=sk-or-v1-first\n");
        await pair.Gateway.ReloadAsync(TeamSetup.Settings(TeamSetup.Team(reference: "env:SEARCH_KEY")));
        Assert.Equal("Bearer sk-or-v1-first", await UpstreamKeyAsync(pair));

        pair.Gateway.Folder.Write(".env", "SEARCH_KEY=sk-or-v1-second\n");

        await Eventually.TrueAsync(async () => await UpstreamKeyAsync(pair) == "Bearer sk-or-v1-second", "the key of .env");
        Assert.DoesNotContain(pair.Gateway.Log.All, line => line.Contains("sk-or-v1", StringComparison.Ordinal));
    }

    private static async Task<string?> UpstreamKeyAsync(GatewayPair pair) =>
        (await pair.SendAsync("POST", Chat, [TeamSetup.Bearer], """{"model":"m"}"""u8.ToArray())).Forwarded.Header("Authorization");

    private static string Settings(params string[] keys)
    {
        var entries = keys.Select(key => $"{{ \"Sha256\": \"{Convert.ToHexStringLower(GatewayKeys.Hash(key))}\" }}");
        return ShippedSettings.With(
            ("Teams", $$"""[ { "Id": "search", "OpenRouterKey": "env:TEAM_KEY", "Keys": [ {{string.Join(", ", entries)}} ] } ]"""));
    }
}
