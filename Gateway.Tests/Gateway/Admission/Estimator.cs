using System.Text;
using Gateway.Configuration;
using Gateway.Pricing;
using Gateway.Reports;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Estimates requests of a team with a budget by the code of the request path, without a server.</summary>
internal sealed class Estimator : IDisposable
{
    private readonly SettingsFolder _folder;
    private readonly SettingsSnapshot _snapshot;
    private readonly Team _team;

    private Estimator(SettingsFolder folder, SettingsSnapshot snapshot, Team team, PriceList prices)
    {
        _folder = folder;
        _snapshot = snapshot;
        _team = team;
        Prices = prices;
    }

    /// <summary>The endpoints whose bodies are read.</summary>
    public static IReadOnlyList<string> Paths { get; } =
    [
        "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/rerank", "/v1/images",
        "/v1/images/generations",
    ];

    /// <summary>The prices.</summary>
    public PriceList Prices { get; }

    /// <summary>Creates an estimator.</summary>
    /// <param name="prices">The list of models.</param>
    /// <param name="limits">The section <c>Limits</c>.</param>
    /// <param name="mapping">The section <c>ProviderMapping</c>.</param>
    /// <param name="maxCost">The team's <c>MaxUsd</c> for server tools.</param>
    public static async Task<Estimator> CreateAsync(string prices, string limits = "{}", string mapping = "{}", string maxCost = "0.25")
    {
        var folder = new SettingsFolder();
        folder.Variables["UPSTREAM"] = TeamSetup.UpstreamKey;
        folder.Write("appsettings.json", ShippedSettings.With(
            ("Teams", $"[ {TeamSetup.Team($$""" "Budget": { "Usd": 100 }, "ServerTools": { "Allow": ["*"], "MaxUsd": {{maxCost}} } """, reference: "env:UPSTREAM")} ]"),
            ("ProviderMapping", mapping),
            ("Limits", limits)));
        var snapshot = await folder.LoadGoodAsync();
        Assert.True(snapshot.Teams.TryGet("search", out var team));
        return new Estimator(folder, snapshot, team, PriceList.Read(Encoding.UTF8.GetBytes(prices)));
    }

    /// <summary>Estimates a request.</summary>
    public RequestEstimate Estimate(string path, string body) => Estimate(path, Encoding.UTF8.GetBytes(body));

    /// <summary>Estimates a request.</summary>
    public RequestEstimate Estimate(string path, byte[] body)
    {
        var explanation = RequestExplainer.Explain(_snapshot, _team, Prices, path, body);
        Assert.True(explanation.Estimate is not null, $"{explanation.Error?.Message} POST {path} {Encoding.UTF8.GetString(body)}");
        return explanation.Estimate;
    }

    public void Dispose() => _folder.Dispose();
}
