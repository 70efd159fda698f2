using System.Runtime.Versioning;
using System.Security.Cryptography;
using Gateway.CommandLine;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

/// <summary>Promise: <c>usage</c> reads a ledger that may not be written, with everything in it, and leaves it as it is.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class SqliteLedgerCopyTests : IDisposable
{
    private const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Enter = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Backup => Path.Combine(_folder.Path, "backup");

    private string Database => Path.Combine(Backup, "usage.db");

    public void Dispose()
    {
        if (Directory.Exists(Backup))
        {
            File.SetUnixFileMode(Backup, ReadOnly | Enter | UnixFileMode.UserWrite);
        }

        _folder.Dispose();
    }

    /// <summary>The backup has a log that is not in the file, and entries that are not in their rows: a copy of the files of a killed process.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Backup_IsReadInFull_AndLeftAsItIs(bool isFileReadOnly, bool isFolderReadOnly)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are those of Unix.");
        Directory.CreateDirectory(Backup);
        var live = _folder.File("live.db");
        await using (var store = new SqliteLedgerStore(live) { CompactionInterval = TimeSpan.FromHours(1) })
        {
            await store.OpenAsync(Cancel);
            var id = NewId();
            await store.ApplyAsync([Began(id), Settled(id, 7)], Cancel);
            await store.ReadUsageAsync(new UsageSelection(), Cancel);
            await store.ApplyAsync([Began(NewId(), team: "late")], Cancel);
            foreach (var journal in JournalFile.Paths(live))
            {
                File.Copy(journal, JournalFile.PathBeside(journal, live, Database));
            }

            File.Copy(live, Database);
            File.Copy(live + "-wal", Database + "-wal");
        }

        Assert.NotEqual(0, new FileInfo(Database + "-wal").Length);
        Protect(isFileReadOnly, isFolderReadOnly);
        var before = State();

        var (isRead, output) = await RunAsync();

        Assert.True(isRead, output);
        Assert.Equal("late search", string.Join(' ', output.Split(Environment.NewLine).Select(line => line.Split(' ')[0]).Where(name => name is "late" or "search")));
        Assert.Equal(before, State());
    }

    /// <summary>A process has the ledger open, such as a gateway whose data another container mounts read-only.</summary>
    [Fact]
    public async Task OpenLedger_IsReadBesideItsWriter()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are those of Unix.");
        await using var store = new SqliteLedgerStore(Database) { CompactionInterval = TimeSpan.FromHours(1) };
        await store.OpenAsync(Cancel);
        await store.ApplyAsync([Began(NewId())], Cancel);
        Protect(isFileReadOnly: true, isFolderReadOnly: false);

        using (var copy = SqliteLedgerCopy.OfReadOnly(Database))
        {
            await using var read = new SqliteLedgerStore(copy!.Path);
            await read.OpenAsync(Cancel);
            Assert.Equal(1, Assert.Single(await read.ReadUsageAsync(new UsageSelection(), Cancel)).Requests);
            Assert.True(File.Exists(copy.Path));
        }

        File.SetUnixFileMode(Database, ReadOnly | UnixFileMode.UserWrite);
        await store.ApplyAsync([Began(NewId())], Cancel);
        Assert.Equal(2, Assert.Single(await store.ReadUsageAsync(new UsageSelection(), Cancel)).Requests);
    }

    [Fact]
    public async Task Copy_IsPrivate_AndGoneAfterwards()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are those of Unix.");
        await using (var store = new SqliteLedgerStore(Database))
        {
            await store.OpenAsync(Cancel);
        }

        Protect(isFileReadOnly: true, isFolderReadOnly: true);
        var copy = SqliteLedgerCopy.OfReadOnly(Database)!;
        var path = copy.Path;

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(path)!));
        copy.Dispose();
        Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
    }

    [Fact]
    public async Task WithoutAFolderForTheCopy_TheLedgerIsNotRead()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are those of Unix.");
        await using (var store = new SqliteLedgerStore(Database))
        {
            await store.OpenAsync(Cancel);
        }

        Protect(isFileReadOnly: true, isFolderReadOnly: true);
        var file = _folder.Write("appsettings.json", ShippedSettings.With(("Usage", $$"""{ "Sqlite": { "Path": "{{Database}}" } }""")));

        var output = await GatewayProcess.RunAsync(["usage"], _folder.Path, new Dictionary<string, string> { ["TMPDIR"] = file });

        Assert.Equal(1, output.ExitCode);
        Assert.Contains($"Usage: the ledger cannot be read: The ledger {Database} cannot be copied to {file}/: ", output.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LedgerThatMayBeWritten_IsNotCopied()
    {
        await using var store = new SqliteLedgerStore(Database);
        await store.OpenAsync(Cancel);

        Assert.Null(SqliteLedgerCopy.OfReadOnly(Database));
        Assert.DoesNotContain(Directory.GetFiles(Backup), file => Path.GetFileName(file).StartsWith('.'));
    }

    private static void Protect(string path, bool isFolder) =>
        File.SetUnixFileMode(path, isFolder ? ReadOnly | Enter : ReadOnly);

    private void Protect(bool isFileReadOnly, bool isFolderReadOnly)
    {
        if (isFileReadOnly)
        {
            foreach (var file in Directory.GetFiles(Backup, "usage.*"))
            {
                Protect(file, isFolder: false);
            }
        }

        if (isFolderReadOnly)
        {
            Protect(Backup, isFolder: true);
        }
    }

    private IEnumerable<string> State() =>
        [.. Directory.GetFiles(Backup).Order(StringComparer.Ordinal).Select(file => $"{file} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}")];

    private async Task<(bool IsRead, string Output)> RunAsync()
    {
        using var output = new StringWriter();
        var isRead = await UsageCommand.RunAsync(
            new UsageSettings { Sqlite = new SqliteSettings { Path = Database } },
            new UsageArguments(),
            settings => new SqliteLedgerStore(settings.Sqlite.Path),
            TimeProvider.System,
            output,
            output);
        return (isRead, output.ToString());
    }
}
