using Gateway.Admission;
using Gateway.Alerts;
using Gateway.Authentication;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Limits;
using Gateway.OpenRouter;
using Gateway.Prices;
using Gateway.SelfService;
using Gateway.Settlement;
using Gateway.Workers;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Hosting;

/// <summary>
/// Registers the services of teams: ledger, limits and budgets, prices, settlement. They are always registered, because a reload may add
/// the first team. Without teams they are inactive and write no file.
/// </summary>
internal static class TeamServices
{
    public static void AddTeams(this IServiceCollection services, SettingsSnapshot snapshot, SettingsSources sources)
    {
        var settings = snapshot.Settings;
        services.AddSingleton(provider => LedgerStores.Create(
            settings.Usage,
            sources.WorkingDirectory,
            snapshot.PostgresConnectionString?.Reveal(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<SqliteLedgerStore>>()));
        services.AddSingleton<LedgerWriter>();
        services.AddSingleton<ILedger>(static provider => provider.GetRequiredService<LedgerWriter>());
        services.AddSingleton<LedgerAccess>();
        services.AddSingleton<IGenerationOwnership, LedgerOwnership>();
        services.AddSingleton(static provider => BudgetTerms.Of(
            provider.GetRequiredService<SettingsStore>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => LimitStores.Create(
            settings.Limits,
            snapshot.RedisConfiguration?.Reveal() ?? "",
            provider.GetRequiredService<LedgerAccess>(),
            provider.GetRequiredService<BudgetTerms>(),
            provider.GetRequiredService<WorkerHealth>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton(static provider => provider.GetRequiredService<LimitStores>().Limits);
        services.AddSingleton(static provider => provider.GetRequiredService<LimitStores>().Budgets);
        services.AddSingleton<IOpenRouterClient, OpenRouterClient>();
        services.AddSingleton<PriceListStore>();
        services.AddSingleton<PriceListFile>();
        services.AddSingleton<RequestReviewer>();
        services.AddSingleton<LimitGate>();
        services.AddSingleton<AdmissionController>();
        services.AddSingleton<TeamAccounts>();
        services.AddOptions<ProviderMappingOptions>()
            .Configure<RequestReviewer>(static (mapping, reviewer) => mapping.Review = reviewer.Review);

        // Hosted services start in this order and stop in reverse: the ledger writer stops last.
        services.AddHostedService<LedgerOpening>();
        services.AddHostedService(static provider => provider.GetRequiredService<LedgerWriter>());
        services.AddHostedService<PriceListRefresher>();
        services.AddHostedService(static provider => provider.GetRequiredService<LimitStores>().Reconciler);
        services.AddHostedService(static provider => ActivatorUtilities.CreateInstance<LedgerMaintenance>(
            provider, RetentionOf(provider.GetRequiredService<SettingsStore>())));
        services.AddHostedService<BudgetReloadHandler>();
        services.AddHostedService<SettlementWorker>();
        services.AddSingleton<UpstreamDrift>();
        services.AddHostedService<DriftWorker>();
        services.AddSingleton<BudgetLevels>();
        services.AddSingleton(static provider => provider.GetRequiredService<LimitStores>().BudgetPreview);
        services.AddHostedService<BudgetLevelWorker>();
        services.AddSingleton<AlertClient>();
        services.AddSingleton<AlertPoster>();
        services.AddHostedService(static provider => provider.GetRequiredService<AlertPoster>());
        services.AddHostedService<AlertRaiser>();
    }

    private static Func<TimeSpan> RetentionOf(SettingsStore settings) => () => settings.Current.Settings.Usage.Retention;
}
