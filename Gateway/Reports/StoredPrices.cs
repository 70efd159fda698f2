using System.Text.Json;
using Gateway.Configuration;
using Gateway.Prices;
using Gateway.Pricing;

namespace Gateway.Reports;

/// <summary>The prices of a command: those that a gateway has stored, with those of the settings taking precedence.</summary>
internal static class StoredPrices
{
    /// <summary>Reads the prices. If the stored list cannot be read, they are those of the settings.</summary>
    /// <param name="snapshot">The settings.</param>
    /// <param name="path">The path of the stored list; <see langword="null"/> for none.</param>
    /// <param name="fault">Why the stored list cannot be read; <see langword="null"/> if it can.</param>
    public static PriceList Read(SettingsSnapshot snapshot, string? path, out Exception? fault)
    {
        fault = null;
        var store = new PriceListStore(TimeProvider.System);
        try
        {
            if (path is not null)
            {
                store.Put(PriceList.Read(File.ReadAllBytes(path)), hasModels: true);
            }
        }
        catch (Exception unread) when (unread is IOException or UnauthorizedAccessException or JsonException)
        {
            fault = unread;
        }

        return store.For(snapshot);
    }
}
