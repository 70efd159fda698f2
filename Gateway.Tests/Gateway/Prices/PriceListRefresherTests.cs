using FakeOpenRouter;
using Gateway.Configuration;
using Gateway.OpenRouter;
using Gateway.Prices;
using Gateway.Secrets;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Prices;

/// <summary>The prices over real sockets, with every damage that the scripted upstream can do to either list.</summary>
public sealed class PriceListRefresherTests : IAsyncDisposable
{
    private const string Models = "/models";
    private const string Embeddings = "/embeddings/models";

    // Neither is the first entry of its list, which is the one that a damage hits.
    private const string Model = "openai/gpt-4o";
    private const string Embedding = "qwen/qwen3-embedding-8b";

    private readonly SettingsFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly WorkerHealth _health = new();
    private FakeOpenRouterServer _upstream = null!;
    private LoadedProxy _proxy = null!;
    private SettingsStore _settings = null!;
    private PriceListStore _store = null!;
    private PriceListFile _file = null!;
    private PriceListRefresher _refresher = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> EveryDamage => new(
        from path in (string[])[Models, Embeddings] from damage in AnswerDamage.Names select (path, damage));

    public async ValueTask DisposeAsync()
    {
        _refresher.Dispose();
        await _proxy.DisposeAsync();
        _settings.Dispose();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task File_IsForItsOwnerOnly()
    {
        await CreateAsync();

        var path = Path.Combine(_folder.Path, "data", "prices.json");
        await _refresher.StartAsync(Cancel);
        await Eventually.TrueAsync(() => File.Exists(path), "the price file");

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }

        await _refresher.StopAsync(Cancel);
    }

    [Theory]
    [MemberData(nameof(EveryDamage))]
    public async Task EitherList_DamagedInAnyWay_LeavesTheOtherAndWhatIsKnown(string path, string damage)
    {
        await CreateAsync();

        // At the start.
        _upstream.Damages.Set(path, damage);
        await _refresher.StartAsync(Cancel);
        await TurnAsync(path);
        Assert.True(Knows(path == Models ? Embedding : Model));

        // It recovers.
        _upstream.Damages.Set(path, null);
        await TurnAsync(path);
        Assert.True(Knows(Model));
        Assert.True(Knows(Embedding));
        Assert.False(Assert.Single(_health.Workers).IsFailing);

        // At the hourly refresh.
        _upstream.Damages.Set(path, damage);
        await TurnAsync(path, () => _time.Advance(PriceListRefresher.RefreshInterval));
        Assert.True(Knows(Model));
        Assert.True(Knows(Embedding));

        // After a call for an unknown model.
        await TurnAsync(path, () =>
        {
            _time.Advance(PriceListStore.ShortestInterval);
            _store.AskSoon();
        });
        Assert.True(Knows(Model));
        Assert.True(Knows(Embedding));

        // Before the stop, which may keep the last turn from its file.
        await Eventually.TrueAsync(
            async () => _store.Upstream.Entries.ToHashSet().SetEquals((await _file.ReadAsync(Cancel)).Entries), "the file of the last turn");
        Assert.False(_refresher.ExecuteTask!.IsCompleted);
        await _refresher.StopAsync(Cancel);
    }

    [Theory]
    [InlineData("surrogate-id", true)]
    [InlineData("null-data", false)]
    public async Task OnlyAMissingListOfModels_IsAFailure(string models, bool succeeds)
    {
        await CreateAsync();
        _upstream.Damages.Set(Models, models);
        _upstream.Damages.Set(Embeddings, "404");

        await _refresher.StartAsync(Cancel);
        await TurnAsync(Embeddings);

        Assert.Equal(succeeds, !Assert.Single(_health.Workers).IsFailing);
        await _refresher.StopAsync(Cancel);
    }

    [Fact]
    public async Task ModelsOfEveryOutput_AreAskedFor()
    {
        await CreateAsync();

        await _refresher.StartAsync(Cancel);
        await TurnAsync(Embeddings);

        Assert.True(Knows("google/gemini-2.5-flash-image"));
        Assert.Contains(_upstream.Requests.All, request => request.Target == RequestHandler.BasePath + Models + "?output_modalities=all");
        await _refresher.StopAsync(Cancel);
    }

    [Fact]
    public async Task DamagedFile_IsPassedOver()
    {
        await CreateAsync();
        _folder.Write("data/prices.json", """{"data":[null,{"id":"\ud800"}""");

        await _refresher.StartAsync(Cancel);
        await TurnAsync(Embeddings);

        Assert.True(Knows(Model));
        await _refresher.StopAsync(Cancel);
    }

    [Fact]
    public async Task RequestWithoutAList_WaitsForTheFirst()
    {
        await CreateAsync();
        _upstream.Damages.Set(Models, "503", times: 1);
        _upstream.Damages.Set(Embeddings, "503", times: 1);
        await _refresher.StartAsync(Cancel);
        await Eventually.TrueAsync(() => Assert.Single(_health.Workers).IsFailing, "the failed turn");

        // The request does not shorten the back-off, and waits longer than the back-off lasts.
        var waiting = _store.WaitForListAsync(Cancel);
        await Eventually.InStepsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(10));
                return Asked(Models) > 1;
            },
            "the next turn");
        await waiting;

        Assert.True(Knows(Model));
        await _refresher.StopAsync(Cancel);
    }

    [Fact]
    public async Task RequestsWithoutAList_WaitUntilOneDeadline()
    {
        await CreateAsync();
        Assert.True(_store.IsAwaited);

        var first = _store.WaitForListAsync(Cancel);
        _time.Advance(TimeSpan.FromSeconds(4));
        var second = _store.WaitForListAsync(Cancel);
        Assert.True(_store.IsAwaited);
        _time.Advance(TimeSpan.FromSeconds(1));
        await first;
        await second;

        Assert.False(_store.IsAwaited);
        Assert.False(_store.HasList);
    }

    [Fact]
    public async Task RequestsWithoutAList_DoNotShortenTheBackOff()
    {
        await CreateAsync();
        _upstream.Damages.Set(Models, "503");
        await _refresher.StartAsync(Cancel);
        for (var turn = 1; turn <= 3; turn++)
        {
            await Eventually.TrueAsync(() => Assert.Single(_health.Workers).Failures == turn, "the failed turn");
            for (var i = 0; i < 20; i++)
            {
                // The caller leaves, since the clock stands still. Its wait ends by itself if the turns took more than its deadline.
                await Record.ExceptionAsync(() => _store.WaitForListAsync(new CancellationToken(canceled: true)));
            }

            if (turn == 3)
            {
                break;
            }

            Assert.Equal(turn, Asked(Models));
            await Eventually.InStepsAsync(
                () =>
                {
                    _time.Advance(TimeSpan.FromSeconds(1));
                    return Asked(Models) > turn;
                },
                "the next turn");
        }

        await _refresher.StopAsync(Cancel);
        Assert.Equal(3, Asked(Models));
    }

    [Theory]
    [InlineData(Models, Embedding)]
    [InlineData(Embeddings, Model)]
    public async Task ListThatHangs_DoesNotDelayTheOther(string hanging, string known)
    {
        await CreateAsync(client => new HangingClient(client, hanging));

        await _refresher.StartAsync(Cancel);
        await Eventually.TrueAsync(() => Knows(known) && _store.HasList == (hanging == Embeddings), "the other list");

        Assert.Equal(hanging == Embeddings, _store.HasList);
        await _refresher.StopAsync(Cancel);
    }

    [Fact]
    public async Task ListOfEmbeddingsAlone_IsNotWrittenToTheFile()
    {
        await CreateAsync();
        _upstream.Damages.Set(Models, "503");

        await _refresher.StartAsync(Cancel);
        await TurnAsync(Models);

        Assert.True(Knows(Embedding));
        await _refresher.StopAsync(Cancel);
        Assert.Equal(0, (await _file.ReadAsync(Cancel)).Count);
        Assert.False(_store.HasList);
    }

    private bool Knows(string model) => _store.For(_settings.Current).TryFind(model, out _, out _);

    /// <summary>
    /// Has a whole turn run. Turns are counted by the list that is not damaged, which the client never asks for twice: the first question
    /// may belong to a turn that began before, the third one comes behind a whole turn.
    /// </summary>
    private async Task TurnAsync(string damaged, Action? begin = null)
    {
        var counted = damaged == Models ? Embeddings : Models;
        for (var i = 0; i < 3; i++)
        {
            var asked = Asked(counted);
            await Eventually.TrueAsync(
                () =>
                {
                    (begin ?? _refresher.Wake)();
                    return Task.FromResult(Asked(counted) > asked);
                },
                "a turn");
        }
    }

    private int Asked(string path) => _upstream.Requests.All.Count(request => request.Path == RequestHandler.BasePath + path);

    private async Task CreateAsync(Func<IOpenRouterClient, IOpenRouterClient>? wrap = null)
    {
        _upstream = await FakeOpenRouterServer.StartAsync();
        _folder.Variables["UPSTREAM"] = TeamSetup.UpstreamKey;
        _folder.Write("appsettings.json", $$"""
            {
              "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "openrouter", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "openrouter": { "Destinations": { "a": { "Address": "{{_upstream.BaseUrl}}" } } } }
              },
              "Teams": [ {{TeamSetup.Team(reference: "env:UPSTREAM")}} ]
            }
            """);
        _settings = new SettingsStore(await _folder.LoadGoodAsync(), _time, NullLogger<SettingsStore>.Instance);
        _proxy = new LoadedProxy(_settings);
        var client = new OpenRouterClient(_proxy.State, TimeProvider.System);
        _store = new PriceListStore(_time);
        _file = new PriceListFile(_settings, _folder.Sources(), NullLogger<PriceListFile>.Instance);
        _refresher = new PriceListRefresher(
            _settings, wrap?.Invoke(client) ?? client, _store, _file, _health, _time, NullLogger<PriceListRefresher>.Instance);
    }

    /// <summary>A client whose requests for one list never end.</summary>
    private sealed class HangingClient(IOpenRouterClient inner, string hanging) : IOpenRouterClient
    {
        public async Task<T?> GetListAsync<T>(string path, SettingsSnapshot snapshot, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class
        {
            if ("/" + path.Split('?')[0] == hanging)
            {
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            }

            return await inner.GetListAsync(path, snapshot, key, read, cancellationToken);
        }

        public Task<OpenRouterBill<T>> GetBillAsync<T>(
            string path, SettingsSnapshot snapshot, UpstreamKey key, string? servedBy, string? sentWith, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class => throw new NotSupportedException();
    }
}
