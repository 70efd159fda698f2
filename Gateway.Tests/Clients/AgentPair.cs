using System.Text;
using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// An agent with one prompt, twice at the same time: against a scripted upstream directly, and through a gateway in front of another one.
/// </summary>
/// <param name="Direct">The run without a gateway.</param>
/// <param name="Gateway">The run with one.</param>
internal sealed record AgentPair(AgentRun Direct, AgentRun Gateway)
{
    // An agent that asks another host fails there at once, as on a machine without a network.
    private static readonly string ClosedProxy = new Uri(ScriptedSocketUpstream.RefusingBaseUrl).GetLeftPart(UriPartial.Authority);

    /// <summary>Runs an agent against upstreams that play a scenario.</summary>
    /// <param name="scenario">The scenario. Both upstreams play it from its beginning.</param>
    /// <param name="ask">Runs the agent in an empty folder, with the address to which it adds <c>/v1</c>.</param>
    public static async Task<AgentPair> RunAsync(string scenario, Func<TempFolder, string, Task<NodeOutput>> ask)
    {
        var script = Encoding.UTF8.GetBytes(scenario);
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var pair = await GatewayPair.StartAsync();
        await upstream.PlayAsync(Scenario.Parse(script));
        await pair.Upstream.PlayAsync(Scenario.Parse(script));
        var direct = RunAsync(upstream, upstream.RootUrl + "/api", ask);
        var gateway = RunAsync(pair.Upstream, pair.Gateway.Address.GetLeftPart(UriPartial.Authority), ask);
        await Task.WhenAll(direct, gateway);
        return new AgentPair(await direct, await gateway);
    }

    /// <summary>The variables of every agent: a home of its own, and no way to another host.</summary>
    public static Dictionary<string, string> Environment(TempFolder home) => new()
    {
        ["HOME"] = home.Path,
        ["HTTPS_PROXY"] = ClosedProxy,
        ["NO_PROXY"] = "127.0.0.1",
    };

    /// <summary>Asserts that the agent tried again until it had this answer, and did the same in both runs.</summary>
    public void AssertRecovered(string text, params string[] tries)
    {
        Assert.Equal(new AgentRun(0, text, string.Join(", ", tries)), Direct);
        Assert.Equal(Direct, Gateway);
    }

    private static async Task<AgentRun> RunAsync(
        FakeOpenRouterServer upstream, string address, Func<TempFolder, string, Task<NodeOutput>> ask)
    {
        using var folder = new TempFolder();
        var output = await ask(folder, address);
        var tries = upstream.Requests.All.Where(request => request.Method == "POST")
            .Select(request => request.Path[request.Path.IndexOf("/v1", StringComparison.Ordinal)..]
                + (request.BodyText.Contains("\"stream\":true", StringComparison.Ordinal) ? " streamed" : ""));

        // The text of the error, where there is no answer.
        var text = output.Out.Trim() is { Length: > 0 } answer ? answer : output.Error.Trim();
        return new AgentRun(output.ExitCode, text, string.Join(", ", tries));
    }
}
