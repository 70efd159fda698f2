using BenchmarkDotNet.Attributes;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Benchmarks.Ledger;

/// <summary>
/// The cost of the SQLite ledger for a request: its two awaited writes, with the given number of concurrent callers. It measures time and
/// not processor time: the compaction runs in parallel.
/// </summary>
[MemoryDiagnoser]
public class LedgerWriterBenchmarks : IAsyncDisposable
{
    private const int Calls = 1024;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "ledger-" + Guid.NewGuid().ToString("N"));
    private LedgerWriter _writer = null!;

    [Params(1, 8, 32)]
    public int Callers { get; set; }

    [GlobalSetup]
    public async Task Setup()
    {
        _writer = new LedgerWriter(
            new SqliteLedgerStore(Path.Combine(_folder, "usage.db")), TimeProvider.System, NullLogger<LedgerWriter>.Instance);
        await _writer.EnsureOpenAsync(CancellationToken.None);
    }

    [GlobalCleanup]
    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public Task BeginAndEnd() => Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
    {
        for (var i = 0; i < Calls / Callers; i++)
        {
            var id = Guid.CreateVersion7();
            var now = TimeProvider.System.GetUtcNow();
            await _writer.WriteAsync(Began(id, now));
            await Task.Yield();
            await _writer.WriteAsync(Ended(id, now));
            await Task.Yield();
        }
    })));

    private static LedgerEntry.Began Began(Guid id, DateTimeOffset now) => new(id)
    {
        StartedAt = now,
        Team = "search",
        KeyLabel = "ci",
        Rule = "eu-only",
        SettingsVersion = "1a2b3c4d",
        Endpoint = "/chat/completions",
        AskedModel = "openai/gpt-4o-mini",
        SentModel = "openai/gpt-4o-mini",
        Reserved = new PicoDollars(123_456_789),
    };

    private static LedgerEntry.Ended Ended(Guid id, DateTimeOffset now) => new(id)
    {
        GenerationId = "gen-1763871234-abcdefghijklmnopqrst",
        State = GenerationState.Settled,
        End = "Completed",
        Status = 200,
        AnsweredModel = "openai/gpt-4o-mini",
        Provider = "Azure",
        FinishReason = "stop",
        Usage = new Usage { PromptTokens = 100, CompletionTokens = 20, Cost = new PicoDollars(1_234_567) },
        TimeToFirstToken = TimeSpan.FromMilliseconds(1),
        EndedAt = now,
        ClosedAt = now,
    };
}
