using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

public sealed class JournalCompactorTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Folding_HasLowPriority()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The nice value of a thread is in /proc.");
        var folding = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var path = Path.Combine(_folder.Path, "usage.db");
        using var compactor = new JournalCompactor(
            $"Data Source={path}",
            TimeSpan.Zero,
            new SqliteLedgerRescue(path, NullLogger.Instance),
            runRescue: () => { },
            fold: () =>
            {
                folding.TrySetResult(ThreadNice.OfCaller());
                return false;
            },
            withoutWriters: action => action());
        compactor.Wake();

        Assert.True(await folding.Task.GuardAsync() >= BackgroundPriority.Nice);
    }
}
