using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an edit of one of 500 team files takes effect under load, and no call of any team fails by it. A folder of a ConfigMap works.
/// </summary>
public sealed class TeamsFolderReloadTests
{
    private const int Count = 500;

    [Fact]
    public async Task EditOfOneTeam_UnderLoad_FailsNoCall()
    {
        using var folder = new TempFolder();
        folder.Write("search.key", TeamSetup.UpstreamKey);
        var reference = "file:" + folder.File("search.key");
        for (var i = 0; i < Count; i++)
        {
            folder.Write($"teams/t{i}.json", Team(i));
        }

        await using var pair = await GatewayPair.StartAsync(options => options.Settings = ShippedSettings.With(
            ("TeamDefaults", """{ "Limits": { "RequestsPerMinute": 100000 } }"""),
            ("TeamsFolder", $"\"{folder.File("teams")}\"")));
        using var edited = new CancellationTokenSource();
        var calls = Enumerable.Range(0, 4).Select(caller => CallAsync(caller)).ToArray();

        folder.Write("teams/t250.json", Team(250, "\"DeniedModels\": \"m\""));
        folder.Write("teams/t251.json", "{");
        await Eventually.TrueAsync(async () => await StatusAsync(250) == 403, "the edit");
        Assert.Equal(200, await StatusAsync(251));
        await edited.CancelAsync();

        Assert.All(await Task.WhenAll(calls), static count => Assert.True(count > 0));

        async Task<int> CallAsync(int team)
        {
            for (var count = 0; ; count++)
            {
                if (count > 0 && edited.IsCancellationRequested)
                {
                    return count;
                }

                Assert.Equal(200, await StatusAsync(team));
            }
        }

        async Task<int> StatusAsync(int team) =>
            (await pair.SendAsync("POST", "/v1/chat/completions", [$"Authorization: Bearer key-{team}"], """{"model":"m"}"""u8.ToArray())).Status;

        string Team(int i, string more = "") => TeamSetup.Team(more, $"t{i}", $"key-{i}", reference: reference);
    }

    [Fact]
    public async Task UpdateOfAConfigMap_ChangesAddsAndRemovesTeams()
    {
        using var folder = new TempFolder();
        folder.Write("search.key", TeamSetup.UpstreamKey);
        var mount = await KubernetesVolume.CreateAsync(folder.File("teams"), ("changed.json", Team("changed")), ("removed.json", Team("removed")));
        await using var pair = await GatewayPair.StartAsync(
            options => options.Settings = ShippedSettings.With(("TeamsFolder", $"\"{folder.File("teams")}\"")));
        Assert.Equal((200, 200, 401), (await StatusAsync("changed"), await StatusAsync("removed"), await StatusAsync("added")));

        await mount.UpdateAsync(("changed.json", Team("changed", "\"DeniedModels\": \"m\"")), ("added.json", Team("added")));

        await Eventually.TrueAsync(
            async () => (await StatusAsync("changed"), await StatusAsync("removed"), await StatusAsync("added")) == (403, 401, 200), "the update");

        string Team(string id, string more = "") => TeamSetup.Team(more, id, "key-" + id, reference: "file:" + folder.File("search.key"));

        async Task<int> StatusAsync(string id) =>
            (await pair.SendAsync("POST", "/v1/chat/completions", [$"Authorization: Bearer key-{id}"], """{"model":"m"}"""u8.ToArray())).Status;
    }
}
