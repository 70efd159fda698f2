using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;

namespace Gateway.Reports;

/// <summary>Warns of a folder in which this user cannot create the ledger's SQLite file.</summary>
internal static class LedgerFolderCheck
{
    private const string Setting = SettingsSchema.Usage + ":Sqlite:Path";

    /// <summary>Finds the warning. Without teams there is no ledger.</summary>
    public static IEnumerable<SettingsFault> Find(SettingsSnapshot snapshot)
    {
        var usage = snapshot.Settings.Usage;
        if (snapshot.Teams.IsEmpty || usage.Store != UsageStore.Sqlite)
        {
            yield break;
        }

        // The gateway creates missing folders.
        var folder = Path.GetDirectoryName(usage.Sqlite.Path)!;
        var existing = folder;
        while (!Path.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
        {
            existing = parent;
        }

        if (FindFault(existing) is { } fault)
        {
            yield return new SettingsFault(
                Setting,
                existing == folder
                    ? $"the folder {folder} {fault}, so the ledger cannot be kept there"
                    : $"the folder {folder} does not exist and cannot be created: {existing} {fault}");
        }
    }

    /// <summary>Creates an empty file, which its closing deletes.</summary>
    private static string? FindFault(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return "is not a folder";
        }

        try
        {
            using var probe = new FileStream(
                Path.Combine(folder, $".gateway-check-{Guid.NewGuid():N}"),
                FileMode.CreateNew,
                FileAccess.Write,
                FileShare.None,
                bufferSize: 0,
                FileOptions.DeleteOnClose);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "is not writable for this user";
        }
    }
}
