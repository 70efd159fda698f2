using System.IO.Compression;
using System.Text;
using FakeOpenRouter;
using Gateway.Configuration;
using Gateway.OpenRouter;
using Gateway.Secrets;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.Tests.Gateway.OpenRouter;

/// <summary>
/// Promise: the gateway's own requests go on to the next destination until one has a usable answer, never leave the cluster of the call,
/// and read no more than the answer may need.
/// </summary>
public sealed class OpenRouterClientTests : IAsyncDisposable
{
    private const string Good = """{"data":[]}""";
    private const string Missing = "404 Not Found";

    private readonly SettingsFolder _folder = new();
    private readonly List<IAsyncDisposable> _owned = [];
    private readonly Dictionary<string, string> _ownKeys = new(StringComparer.Ordinal);
    private SettingsStore? _settings;
    private int _requests;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static UpstreamKey Key => new("sk-or-team", "env:TEAM");

    private SettingsSnapshot Settings => _settings!.Current;

    public static TheoryData<string, string> UnusableAnswers => new()
    {
        { "401 Unauthorized", Good },
        { "403 Forbidden", Good },
        { Missing, Good },
        { "302 Found", Good },
        { "429 Too Many Requests", Good },
        { "503 Service Unavailable", Good },
        { "200 OK", "<html>Sign in</html>" },
    };

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _owned)
        {
            await one.DisposeAsync();
        }

        _settings?.Dispose();
        _folder.Dispose();
    }

    // The order of destinations is not fixed, so the first request gets the unusable answer, at any destination.
    [Theory]
    [MemberData(nameof(UnusableAnswers))]
    public async Task UnusableList_IsRequestedFromTheNextDestination(string status, string body)
    {
        var client = await CreateAsync(("openrouter", "a", FirstAnswers(status, body)), ("openrouter", "b", FirstAnswers(status, body)));

        Assert.Equal(Good, await client.GetListAsync("models", Settings, Key, Read, Cancel));
        Assert.Equal(2, _requests);
    }

    [Theory]
    [MemberData(nameof(UnusableAnswers))]
    public async Task UnusableBill_OfADestinationThatDidNotServeTheCall_IsRequestedFromTheNext(string status, string body)
    {
        var client = await CreateAsync(("openrouter", "a", FirstAnswers(status, body)), ("openrouter", "b", FirstAnswers(status, body)));

        var bill = await client.GetBillAsync("generation?id=1", Settings, Key, servedBy: "gone", sentWith: null, Read, Cancel);

        Assert.Equal(new OpenRouterBill<string>(Good, IsMissing: false, IsAnswered: true), bill);
        Assert.Equal(2, _requests);
    }

    [Theory]
    [InlineData(Missing, Good, true)]
    [InlineData("200 OK", """{"data":{}}""", true)]
    [InlineData(Missing, "\"Generation not found\"", true)]
    [InlineData(Missing, "[]", true)]
    [InlineData("200 OK", "null", true)]
    [InlineData(Missing, "<html>not here</html>", false)]
    [InlineData("200 OK", "<html>Sign in</html>", false)]
    [InlineData(Missing, "", false)]
    [InlineData("503 Service Unavailable", Good, false)]
    [InlineData("401 Unauthorized", Good, false)]
    public async Task Answer_IsA200OrA404WithJson(string status, string body, bool isAnswered)
    {
        var client = await CreateAsync(("openrouter", "a", Answers(() => Response(status, body))));

        var bill = await client.GetBillAsync("generation?id=1", Settings, Key, servedBy: "a", sentWith: null, static _ => (string?)null, Cancel);

        Assert.Equal(new OpenRouterBill<string>(null, IsMissing: isAnswered && status == Missing, isAnswered), bill);
    }

    [Theory]
    [InlineData("a", 2, true, 1)]
    [InlineData("eu/a", 2, true, 1)]
    [InlineData("gone", 1, true, 1)]
    [InlineData("gone", 2, false, 2)]
    [InlineData("eu/gone", 2, false, 2)]
    [InlineData(null, 1, true, 1)]
    [InlineData(null, 2, false, 2)]
    [InlineData("us/a", 1, false, 0)]
    public async Task MissingBill_IsAProofOnlyAtTheOneDestinationThatMayHaveIt(
        string? servedBy, int destinations, bool isMissing, int requests)
    {
        var client = await CreateAsync([.. from cluster in (string[])["openrouter", "eu"]
            from id in ((string[])["a", "b"])[..destinations]
            select (cluster, id, Answers(() => Response(Missing, Good)))]);

        var bill = await client.GetBillAsync("generation?id=1", Settings, Key, servedBy, sentWith: null, Read, Cancel);

        Assert.Equal(new OpenRouterBill<string>(null, isMissing, IsAnswered: true), bill);
        Assert.Equal(requests, _requests);
    }

    /// <summary>
    /// A reload may give the destination a key of its own, take it away, or remove the destination: then another account may say that it has no
    /// bill. That is an answer, as a renamed key of the same account gives it. A key of the same name is a rotated one. Rows of earlier
    /// versions have no name.
    /// </summary>
    [Theory]
    [InlineData("a", "env:TEAM", null, true)]
    [InlineData("a", "env:TEAM", "env:OTHER", false)]
    [InlineData("a", "env:OTHER", "env:OTHER", true)]
    [InlineData("a", "env:OTHER", null, false)]
    [InlineData("a", null, "env:OTHER", true)]
    [InlineData("gone", "env:TEAM", null, true)]
    [InlineData("gone", "env:OTHER", null, false)]
    [InlineData("gone", null, null, true)]
    public async Task MissingBill_IsAProofOnlyWithTheKeyOfTheCall(string servedBy, string? sentWith, string? ownKey, bool isProof)
    {
        _folder.Variables["OTHER"] = "sk-or-other";
        if (ownKey is not null)
        {
            _ownKeys["a"] = ownKey;
        }

        var client = await CreateAsync(("openrouter", "a", Answers(() => Response(Missing, Good))));

        var bill = await client.GetBillAsync("generation?id=1", Settings, Key, servedBy, sentWith, Read, Cancel);

        Assert.Equal(new OpenRouterBill<string>(null, IsMissing: isProof, IsAnswered: true), bill);
    }

    /// <summary>A row that no destination may be asked about must not stay open for ever. A destination that does not answer is no such case.</summary>
    [Theory]
    [InlineData("gone", "env:OTHER", true)]
    [InlineData("us/a", null, true)]
    [InlineData("gone", null, false)]
    [InlineData("a", "env:OTHER", false)]
    public async Task BillThatNoDestinationMayBeAskedFor_IsAnsweredHere(string servedBy, string? ownKey, bool isAnswered)
    {
        _folder.Variables["OTHER"] = "sk-or-other";
        if (ownKey is not null)
        {
            _ownKeys["a"] = ownKey;
        }

        var client = await CreateAsync(("openrouter", "a", Answers(() => Response("503 Service Unavailable", Good))));

        var bill = await client.GetBillAsync("generation?id=1", Settings, Key, servedBy, sentWith: null, Read, Cancel);

        Assert.Equal(new OpenRouterBill<string>(null, IsMissing: false, isAnswered), bill);
        Assert.Equal(isAnswered ? 0 : 1, _requests);
    }

    [Fact]
    public async Task BillOfADestinationThatHasGotAnotherKey_IsRequestedFromTheOthersOfTheTeamsAccount()
    {
        _folder.Variables["OTHER"] = "sk-or-other";
        _ownKeys["a"] = "env:OTHER";
        var client = await CreateAsync(
            ("openrouter", "a", Answers(() => Response(Missing, Good))), ("openrouter", "b", Answers(() => Response("200 OK", Good))));

        var bill = await client.GetBillAsync("generation?id=1", Settings, Key, servedBy: "a", sentWith: "env:TEAM", Read, Cancel);

        Assert.Equal(new OpenRouterBill<string>(Good, IsMissing: false, IsAnswered: true), bill);
    }

    /// <summary>YARP applies a reload before the settings are replaced. Until then, it has destinations that the keys are not for.</summary>
    [Theory]
    [InlineData("a", true)]
    [InlineData("a", false)]
    [InlineData("gone", true)]
    [InlineData(null, false)]
    public async Task DestinationThatAReloadIsChanging_IsNotAskedWithAKeyOfTheSettingsBefore(string? servedBy, bool hadOwnKey)
    {
        _folder.Variables["OTHER"] = "sk-or-other";
        var (moved, added, kept) = (Answers(() => Response("200 OK", Good)), Answers(() => Response("200 OK", Good)), Answers(() => Response(Missing, Good)));
        if (hadOwnKey)
        {
            _ownKeys["a"] = "env:OTHER";
        }

        var before = await LoadAsync(("openrouter", "a", "http://127.0.0.1:9"), ("openrouter", "kept", kept));
        var client = await CreateAsync(("openrouter", "a", moved), ("openrouter", "added", added), ("openrouter", "kept", kept));

        var bill = await client.GetBillAsync("generation?id=1", before, Key, servedBy, sentWith: null, Read, Cancel);

        Assert.Equal(new OpenRouterBill<string>(null, IsMissing: false, IsAnswered: servedBy != "a"), bill);
        Assert.Null(await client.GetListAsync("models", before, Key, Read, Cancel));
        Assert.Equal(2, _requests);
    }

    [Theory]
    [InlineData("eu/a")]
    [InlineData("eu/gone")]
    [InlineData("us/a")]
    public async Task RequestForABill_StaysInTheClusterOfTheCall(string servedBy)
    {
        var stranger = ScriptedSocketUpstream.Answering(Response("200 OK", Good));
        _owned.Add(stranger);
        var failing = () => Response("503 Service Unavailable", Good);
        var client = await CreateAsync(
            ("openrouter", "a", stranger.BaseUrl), ("eu", "a", Answers(failing)), ("eu", "b", Answers(failing)));

        Assert.Null((await client.GetBillAsync("generation?id=1", Settings, Key, servedBy, sentWith: null, Read, Cancel)).Value);
        Assert.Equal(0, stranger.Connections);
        Assert.Equal(servedBy == "us/a" ? 0 : 2, _requests);
    }

    [Theory]
    [InlineData(OpenRouterClient.MaxBillSize, true)]
    [InlineData(OpenRouterClient.MaxBillSize + 1, false)]
    public async Task Bill_IsReadUpToItsLimit(int size, bool isRead)
    {
        var client = await CreateAsync(("openrouter", "a", Answers(() => Response("200 OK", Good.PadRight(size)))));

        Assert.Equal(isRead, (await client.GetBillAsync("generation?id=1", Settings, Key, servedBy: "a", sentWith: null, Read, Cancel)).Value is not null);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("GZIP")]
    [InlineData("x-gzip")]
    public async Task CompressedBill_IsReadWhateverItsEncodingIsCalled(string encoding)
    {
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true))
        {
            await gzip.WriteAsync(Encoding.UTF8.GetBytes(Good), Cancel);
        }

        var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync(
                $"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {packed.Length}\r\nConnection: close\r\n\r\n");
            await connection.SendAsync(packed.ToArray());
        });
        _owned.Add(upstream);
        var client = await CreateAsync(("openrouter", "a", upstream.BaseUrl));

        Assert.Equal(Good, (await client.GetBillAsync("generation?id=1", Settings, Key, servedBy: "a", sentWith: null, Read, Cancel)).Value);
    }

    [Fact]
    public async Task GzipBomb_IsNotRead()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        var client = await CreateAsync(("openrouter", "a", upstream.BaseUrl));
        Assert.NotNull(await client.GetListAsync("models", Settings, Key, Read, Cancel));

        upstream.Damages.Set("/models", "gzip-bomb");
        upstream.Damages.Set("/generation", "gzip-bomb");

        Assert.Null(await client.GetListAsync("models", Settings, Key, Read, Cancel));
        Assert.Null((await client.GetBillAsync("generation?id=1", Settings, Key, servedBy: "a", sentWith: null, Read, Cancel)).Value);
    }

    private static string? Read(byte[] body) => Encoding.UTF8.GetString(body) is ['{', ..] text ? text : null;

    private static string Response(string status, string body) =>
        $"HTTP/1.1 {status}\r\nLocation: /elsewhere\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}";

    private string FirstAnswers(string status, string body) =>
        Answers(() => Volatile.Read(ref _requests) == 1 ? Response(status, body) : Response("200 OK", Good));

    /// <summary>The address of a destination that counts its requests.</summary>
    private string Answers(Func<string> response)
    {
        var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            Interlocked.Increment(ref _requests);
            await connection.SendAsync(response());
        });
        _owned.Add(upstream);
        return upstream.BaseUrl;
    }

    private async Task<OpenRouterClient> CreateAsync(params (string Cluster, string Id, string Address)[] destinations)
    {
        _settings = new SettingsStore(await LoadAsync(destinations), TimeProvider.System, NullLogger<SettingsStore>.Instance);
        var proxy = new LoadedProxy(_settings);
        _owned.Add(proxy);
        return new OpenRouterClient(proxy.State, TimeProvider.System);
    }

    private async Task<SettingsSnapshot> LoadAsync(params (string Cluster, string Id, string Address)[] destinations)
    {
        var clusters = destinations.GroupBy(one => one.Cluster, StringComparer.Ordinal).Select(cluster => $$"""
            "{{cluster.Key}}": { "Destinations": { {{string.Join(", ", cluster.Select(one => $$"""
                "{{one.Id}}": { "Address": "{{one.Address}}"{{(_ownKeys.TryGetValue(one.Id, out var key)
                    ? $$""", "Metadata": { "OpenRouterKey": "{{key}}" }""" : "")}} }
                """))}} } }
            """);
        _folder.Write("appsettings.json", $$"""
            {
              "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "openrouter", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { {{string.Join(", ", clusters)}} }
              }
            }
            """);
        return await _folder.LoadGoodAsync();
    }
}
