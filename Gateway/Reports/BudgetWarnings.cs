using Gateway.Catalogue;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Reports;

/// <summary>
/// Warnings about budgets that do not cover one call: the reservation of a call without a prompt, at the cheapest price of a model that the
/// team or the key may use. Free models do not count. The prices are those that a gateway has stored, and those of the settings.
/// </summary>
internal static class BudgetWarnings
{
    /// <summary>Finds the warnings. Without known prices there are none.</summary>
    public static IEnumerable<SettingsFault> Find(SettingsSnapshot snapshot)
    {
        var teams = snapshot.Teams.Teams;
        if (!teams.Any(static team => team.Budgets.Any()))
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

        // Without a readable list no gateway has stored one here.
        var prices = StoredPrices.Read(snapshot, snapshot.Settings.Usage.PricesPath, out _);
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
            if (FindUncovered(team, team.Budget) is { } cheapest)
            {
                yield return Warning($"{team.Source}:Budget:Usd", "team", team.Budget!, cheapest);
            }

            for (var i = 0; i < team.Keys.Count; i++)
            {
                var key = team.Keys[i];
                if (FindUncovered(team.As(key), key.Budget) is { } cheapestOfKey)
                {
                    yield return Warning($"{team.Source}:Keys:{i}:Budget:Usd", "key", key.Budget!, cheapestOfKey);
                }
            }
        }

        (string Model, PicoDollars Amount)? FindUncovered(Team team, TeamBudget? budget) =>
            budget is not null
            && models.FirstOrDefault(one => CallableModels.InChat(snapshot, team).MayCall(one.Model)) is { Model: not null } cheapest
            && cheapest.Amount > budget.Limit
                ? cheapest
                : null;
    }

    private static SettingsFault Warning(string path, string holder, TeamBudget budget, (string Model, PicoDollars Amount) cheapest) => new(
        path,
        $"{budget.Limit} covers no call: the cheapest that the {holder} may make, of {cheapest.Model} without a stated output cap, reserves "
            + $"{cheapest.Amount} USD");
}
