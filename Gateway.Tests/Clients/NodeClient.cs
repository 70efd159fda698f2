using System.Text.Json;
using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// One of the scripts in <c>Clients/node</c>, run once for all tests of its class: an SDK from npm against a gateway, over real sockets,
/// in front of the scripted upstream. The script prints a line of facts for each of its checks; the tests judge them.
/// </summary>
public abstract class NodeClient : IAsyncLifetime
{
    private readonly string _script;
    private readonly Dictionary<string, JsonElement> _checks = [];
    private GatewayPair? _pair;
    private string? _missing;
    private string _error = "";

    protected NodeClient(string script)
    {
        _script = script;
    }

    public async ValueTask InitializeAsync()
    {
        _missing = await NodeToolchain.EnsureAsync();
        if (_missing is not null)
        {
            return;
        }

        _pair = await GatewayPair.StartAsync(options => options.Settings = ClientSettings.Text);
        var output = await NodeToolchain.RunAsync(
            _script,
            new Dictionary<string, string>
            {
                ["GATEWAY_URL"] = _pair.Gateway.Address.GetLeftPart(UriPartial.Authority),
                ["UPSTREAM_URL"] = _pair.Upstream.RootUrl,
            });
        foreach (var line in output.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var check = JsonSerializer.Deserialize<JsonElement>(line);
            _checks.Add(check.GetProperty("check").GetString()!, check);
        }

        _error = $"{_script} exited with {output.ExitCode}. {output.Error}";
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_pair is not null)
        {
            await _pair.DisposeAsync();
        }
    }

    /// <summary>The facts of a check; skips the test where the script could not run, fails it where the check ended unexpectedly.</summary>
    internal JsonElement Check(string id)
    {
        Assert.SkipWhen(_missing is not null, _missing ?? "");
        if (!_checks.TryGetValue(id, out var check))
        {
            Assert.Fail($"There is no check {id}. {_error}");
        }

        if (check.TryGetProperty("unexpected", out var unexpected))
        {
            Assert.Fail($"{id}: {unexpected.GetString()}");
        }

        return check;
    }

    /// <summary>How many requests of a check arrived upstream. Skips and fails the test as <see cref="Check"/>.</summary>
    internal int UpstreamRequests(string id)
    {
        Check(id);
        return _pair!.Upstream.Requests.All.Count(request => request.Id == id);
    }

    /// <summary>The body of a check's latest request as it arrived upstream.</summary>
    internal string UpstreamBody(string id) => UpstreamRequest(id).BodyText;

    /// <summary>The latest request of a check as it arrived upstream. Skips and fails the test as <see cref="Check"/>.</summary>
    internal ReceivedRequest UpstreamRequest(string id)
    {
        Check(id);
        return _pair!.Upstream.Requests.Find(id)!;
    }

    /// <summary>Asserts that a check ended in an error of this type and status, which says this.</summary>
    internal void AssertFailure(string id, string type, int? status, string message)
    {
        var check = Check(id);
        Assert.Equal(type, check.GetProperty("type").GetString());
        Assert.Equal(status, check.TryGetProperty("status", out var given) ? given.GetInt32() : null);
        Assert.Contains(message, check.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    /// <summary>Asserts that all events of text arrived one by one: keep-alive comments and odd splits made no difference.</summary>
    internal void AssertTexts(string id, int count = 5)
    {
        var texts = Check(id).GetProperty("texts").EnumerateArray().Select(text => text.GetString()!);
        Assert.Equal(Enumerable.Repeat(" word", count), texts);
    }

    /// <summary>Asserts that the upstream saw the client leave, while the client's process went on.</summary>
    internal void AssertAborted(string id)
    {
        Assert.Equal("client_aborted", Check(id).GetProperty("end").GetString());
    }

    /// <summary>Asserts that the rule for Claude models was written into the body that the client sent, and that no other byte changed.</summary>
    internal void AssertRuleApplied(string id)
    {
        const string Inserted = ""","provider":{"order":["Anthropic","Google"]}""";
        Assert.Contains(Inserted, UpstreamBody(id), StringComparison.Ordinal);
        Assert.Equal(Check(id).GetProperty("sent").GetString(), UpstreamBody(id).Replace(Inserted, "", StringComparison.Ordinal));
    }

    /// <summary>Asserts that the body that the client sent arrived to the byte.</summary>
    internal void AssertUntouched(string id)
    {
        Assert.Contains("\"provider\"", UpstreamBody(id), StringComparison.Ordinal);
        Assert.Equal(Check(id).GetProperty("sent").GetString(), UpstreamBody(id));
    }
}
