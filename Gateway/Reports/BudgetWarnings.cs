using System.Text.Json;
using Gateway.Catalogue;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Prices;
using Gateway.Pricing;
using Gateway.Primitives;

namespace Gateway.Reports;

/// <summary>
/// Warnings about budgets that do not cover one call: the reservation of a call without a prompt, at the cheapest price of a model that the
/// team may use. Free models do not count. The prices are those that a gateway has stored, and those of the settings.
/// </summary>
internal static class BudgetWarnings
{
    /// <summary>Finds the warnings. Without known prices there are none.</summary>
    public static IEnumerable<SettingsFault> Find(SettingsSnapshot snapshot)
    {
        var teams = snapshot.Teams.Teams;
        if (teams.All(team => team.Budget is null))
        {
            yield break;
        }

        var limits = snapshot.Settings.Limits;
        var size = new RequestSize
        {
            TextBytes = 0,
            BytesPerToken = limits.BytesPerToken,
            Choices = 1,
            StatedOutputTokens = 0,
            OutputTokens = limits.AssumedCompletionTokens,
        };
        var prices = PricesOf(snapshot);
        (string Model, PicoDollars Amount)[] models =
        [
            .. prices.Entries.Keys
                .Select(model => (Model: model, Amount: ReservationEstimate.Find([model], namesPreset: false, prices, size, out _) ?? PicoDollars.Zero))
                .Where(one => one.Amount > PicoDollars.Zero)
                .OrderBy(one => one.Amount)
                .ThenBy(one => one.Model, StringComparer.Ordinal),
        ];
        foreach (var team in teams)
        {
            if (team.Budget is { } budget
                && models.FirstOrDefault(one => CallableModels.MayCall(snapshot, team, one.Model)) is { Model: not null } cheapest
                && cheapest.Amount > budget.Limit)
            {
                yield return new SettingsFault(
                    $"{team.Source}:Budget:Usd",
                    $"{budget.Limit} covers no call: the cheapest that the team may make, of {cheapest.Model} without a stated output cap, reserves "
                        + $"{cheapest.Amount} USD");
            }
        }
    }

    private static PriceList PricesOf(SettingsSnapshot snapshot)
    {
        var store = new PriceListStore(TimeProvider.System);
        try
        {
            store.Put(PriceList.Read(File.ReadAllBytes(snapshot.Settings.Usage.PricesPath)), hasModels: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            // No gateway has stored a list here.
        }

        return store.For(snapshot);
    }
}
