using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Observability;
using Gateway.Primitives;
using Gateway.Tests.Documents;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using Xunit;

namespace Gateway.Tests.Gateway.Observability;

/// <summary>Compares the table of metrics in <c>docs/operations.md</c> with the program and with the metrics that Prometheus gets.</summary>
[Collection(nameof(GatewayMetrics))]
public sealed partial class OperationsDocumentTests : IDisposable
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md"));

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public void Dispose() => _services.Dispose();

    [Fact]
    public void EveryInstrument_IsDocumented_AndNoOther()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        var published = new SortedSet<string>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters))
            {
                published.Add(instrument.Name);
            }
        };
        listener.Start();
        using var metrics = Create(meters);

        Assert.Equal(published, MetricRow().Matches(Document).Select(row => row.Groups["instrument"].Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task EveryName_IsTheOneThatPrometheusSees()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        using var export = MetricsExport.Start(meters, forPrometheus: true, _ => null)!;
        using var metrics = Create(meters);
        Record(metrics, "t");

        var text = await ScrapeAsync(export);

        Assert.Equal(
            TypeLine().Matches(text).Select(line => line.Groups["name"].Value)
                .Where(name => name != "target_info" && !name.StartsWith("kestrel_", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal),
            MetricTable.Tags.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            MetricTable.Tags.Select(static metric => $"{metric.Key} {string.Join(' ', metric.Value.Order(StringComparer.Ordinal))}").Order(StringComparer.Ordinal),
            Sample().Matches(text).Where(static sample => MetricTable.Tags.ContainsKey(sample.Groups["name"].Value))
                .GroupBy(static sample => sample.Groups["name"].Value, static sample => TagName().Matches(sample.Value).Select(static tag => tag.Groups["tag"].Value))
                .Select(static metric => (metric.Key, Tags: metric.SelectMany(static tags => tags).Where(static tag => tag != "le").Distinct()))
                .Select(static metric => $"{metric.Key} {string.Join(' ', metric.Tags.Order(StringComparer.Ordinal))}")
                .Order(StringComparer.Ordinal));
        var tags = TagName().Matches(text).Select(tag => tag.Groups["tag"].Value).Distinct();
        Assert.All(
            tags.Where(tag => tag != "le" && !tag.StartsWith("telemetry", StringComparison.Ordinal) && !tag.StartsWith("service", StringComparison.Ordinal)
                && !tag.StartsWith("network", StringComparison.Ordinal) && !tag.StartsWith("server", StringComparison.Ordinal)
                && !tag.StartsWith("tls", StringComparison.Ordinal)),
            tag => Assert.Contains($"`{tag}`", Document, StringComparison.Ordinal));
    }

    /// <summary>The library keeps 2,000 series of a metric, and shows all others as one without tags.</summary>
    [Fact]
    public void VersionOfTheSettings_IsShownAfterAnyNumberOfReloads()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        using var exporter = new InfoExporter();
        using var export = Sdk.CreateMeterProviderBuilder()
            .AddMeter(GatewayMetrics.MeterName)
            .AddView(instrument => instrument.Meter.Scope == meters ? null : MetricStreamConfiguration.Drop)
            .AddReader(new BaseExportingMetricReader(exporter))
            .Build();
        using var metrics = new GatewayMetrics(meters);
        var state = new SettingsState { Version = "", LoadedAt = DateTimeOffset.UnixEpoch };
        metrics.Observed.ObserveSettings(() => state);
        for (var i = 0; i < 2100; i++)
        {
            state = state with { Version = string.Create(CultureInfo.InvariantCulture, $"v{i}") };
            Assert.True(export.ForceFlush());
            Assert.Equal([$"version={state.Version}"], exporter.Series);
        }
    }

    [Fact]
    public async Task GatewaysOfOneProcess_ShowTheirOwnMetrics()
    {
        using var others = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = _services.GetRequiredService<IMeterFactory>();
        using var export = MetricsExport.Start(meters, forPrometheus: true, _ => null)!;
        using var metrics = Create(meters);
        using var otherMetrics = Create(others.GetRequiredService<IMeterFactory>());
        Record(metrics, "own");
        Record(otherMetrics, "other");

        var text = await ScrapeAsync(export);

        Assert.Contains("team=\"own\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("team=\"other\"", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", false, false)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", true, true)]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:4317", true, false)]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4317", false, true)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT= ", false, false)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 OTEL_TRACES_EXPORTER=none", true, false)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 OTEL_METRICS_EXPORTER=None", false, true)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 OTEL_TRACES_EXPORTER=otlp", true, true)]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 OTEL_SDK_DISABLED=true", false, false)]
    public void Otlp_IsSwitchedByItsVariables(string variables, bool metrics, bool traces)
    {
        var values = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static text => text.Split('=', 2)).ToDictionary(
            static pair => pair[0], static pair => pair[1]);

        Assert.Equal(metrics, OtlpExport.IsConfigured(OtlpExport.Metrics, values.GetValueOrDefault));
        Assert.Equal(traces, OtlpExport.IsConfigured(OtlpExport.Traces, values.GetValueOrDefault));
        foreach (var signal in (string[])[OtlpExport.Metrics, OtlpExport.Traces])
        {
            Assert.All(
                [.. OtlpExport.EndpointVariables(signal), OtlpExport.ExporterVariable(signal)],
                static variable => Assert.Contains($"`{variable}`", Document, StringComparison.Ordinal));
        }
    }

    /// <summary>The exporter throws for headers that it cannot read, which would end the start.</summary>
    [Theory]
    [InlineData("abc")]
    [InlineData("a=b,c")]
    [InlineData("a=b,a=c")]
    [InlineData("=b")]
    [InlineData(",")]
    [InlineData("a=b,,")]
    [InlineData("User-Agent=b")]
    public void HeadersThatCannotBeRead_AreIgnored(string headers)
    {
        foreach (var signal in (string[])[OtlpExport.Metrics, OtlpExport.Traces])
        {
            var (ofSignal, ofAll) = (new OtlpExporterOptions(), new OtlpExporterOptions { Headers = headers });
            OtlpExport.Configure(ofSignal, signal, name => name == $"OTEL_EXPORTER_OTLP_{signal}_HEADERS" ? headers : null);
            OtlpExport.Configure(ofAll, signal, static _ => null);

            Assert.Null(ofSignal.Headers);
            Assert.Null(ofAll.Headers);
            using var exporter = new OtlpTraceExporter(ofAll);
        }
    }

    [Theory]
    [InlineData("a=b")]
    [InlineData("a=b,A=c")]
    [InlineData("api-key=abc,")]
    [InlineData("a=b=c, d=e%20f")]
    [InlineData("a=")]
    public void HeadersThatCanBeRead_AreSent(string headers)
    {
        var options = new OtlpExporterOptions();
        OtlpExport.Configure(options, OtlpExport.Traces, name => name == "OTEL_EXPORTER_OTLP_TRACES_HEADERS" ? headers : null);

        Assert.Equal(headers, options.Headers);
        using var exporter = new OtlpTraceExporter(options);
    }

    [Theory]
    [InlineData(OtlpExport.Metrics, OtlpExport.Traces)]
    [InlineData(OtlpExport.Traces, OtlpExport.Metrics)]
    public void VariablesOfASignal_AreForThatSignal(string signal, string other)
    {
        var values = new Dictionary<string, string>
        {
            [$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"] = "http://127.0.0.1:4318/v1/own",
            [$"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"] = " http/protobuf ",
            [$"OTEL_EXPORTER_OTLP_{signal}_HEADERS"] = "a=b",
            [$"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT"] = "123",
        };
        var options = new OtlpExporterOptions();
        var unchanged = new OtlpExporterOptions { Protocol = OtlpExportProtocol.Grpc, Endpoint = new Uri("http://127.0.0.1:4317"), Headers = "c=d" };

        OtlpExport.Configure(options, signal, values.GetValueOrDefault);
        OtlpExport.Configure(unchanged, other, values.GetValueOrDefault);

        Assert.Equal(
            (OtlpExportProtocol.HttpProtobuf, new Uri("http://127.0.0.1:4318/v1/own"), "a=b", 123),
            (options.Protocol, options.Endpoint, options.Headers, options.TimeoutMilliseconds));
        Assert.Equal(
            (OtlpExportProtocol.Grpc, new Uri("http://127.0.0.1:4317"), "c=d"), (unchanged.Protocol, unchanged.Endpoint, unchanged.Headers));
    }

    [Fact]
    public void WithoutAReader_NothingListens()
    {
        Assert.Null(MetricsExport.Start(_services.GetRequiredService<IMeterFactory>(), forPrometheus: false, _ => null));
        Assert.Null(TracesExport.Start(_ => null));
    }

    private static GatewayMetrics Create(IMeterFactory meters)
    {
        var metrics = new GatewayMetrics(meters);
        metrics.Observed.ObserveLedger(() => 0, () => 0, () => 1, () => 1);
        metrics.Observed.ObserveLimitStore(() => false);
        metrics.Observed.ObserveBodies(() => 1, () => 0);
        metrics.Observed.ObserveLog(() => 1);
        metrics.Observed.ObserveCapacity(() => 1, () => 1, () => 8, () => 1);
        metrics.Observed.ObserveDestinations(() => [("c", "d", true)]);
        var health = new WorkerHealth();
        health.Register("w").Fail();
        metrics.Observed.ObserveWorkers(health);
        metrics.Observed.ObserveBudgets(() => [("t", "k", 1, 0.5, 0.25)]);
        metrics.Observed.ObserveDrift(() => [new("0123456789ab", 0.25)]);
        metrics.Observed.ObserveSettings(() => new SettingsState { Version = "v", LoadedAt = DateTimeOffset.UnixEpoch });
        return metrics;
    }

    private static async Task<string> ScrapeAsync(MeterProvider export)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        await using var app = builder.Build();
        app.UseRouting();
        app.MapScrape("/metrics", export);
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient();
        return await client.GetStringAsync(
            app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/metrics",
            TestContext.Current.CancellationToken);
    }

    private static void Record(GatewayMetrics metrics, string team)
    {
        var generation = new MeteredGeneration(team, "/chat/completions", "m", true, "m", "p");
        metrics.RequestEnded(team, "/v1/models", 200, RequestEnd.Completed);
        metrics.RequestRefused("code", team);
        metrics.GenerationEnded(generation, RequestEnd.Completed, 200, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        metrics.GenerationBilled(generation, new Usage { PromptTokens = 1, CompletionTokens = 1, Cost = new PicoDollars(1) });
        metrics.Settled(GenerationState.Settled);
        metrics.AttemptRepeated("openrouter", Unprocessed.NoConnection, 502);
        metrics.AlertEnded("budget_threshold", "posted");
    }

    [GeneratedRegex(@"^\| `\w+` \| `(?<instrument>[\w.]+)` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex MetricRow();

    [GeneratedRegex(@"^(?<name>\w+?)(_bucket|_sum|_count)?(\{[^}]*\})? ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Sample();

    [GeneratedRegex(@"^# TYPE (?<name>\w+) ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex TypeLine();

    [GeneratedRegex("[{,](?<tag>[a-z_]+)=\"", RegexOptions.ExplicitCapture)]
    private static partial Regex TagName();

    /// <summary>Writes the series of the settings' version down.</summary>
    private sealed class InfoExporter : BaseExporter<Metric>
    {
        public List<string> Series { get; } = [];

        public override ExportResult Export(in Batch<Metric> batch)
        {
            Series.Clear();
            foreach (var metric in batch)
            {
                if (metric.Name != "gateway.settings.info")
                {
                    continue;
                }

                foreach (ref readonly var point in metric.GetMetricPoints())
                {
                    foreach (var tag in point.Tags)
                    {
                        Series.Add($"{tag.Key}={tag.Value}");
                    }
                }
            }

            return ExportResult.Success;
        }
    }
}
