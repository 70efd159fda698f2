using System.Buffers;
using Gateway.Admission;
using Gateway.Configuration;
using Gateway.Pricing;
using Gateway.Teams;
using Microsoft.Extensions.Primitives;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Catalogue;

/// <summary>
/// Decides whether a team may call a model. Judges a chat request that names only the model, with the code that judges requests, so that the
/// list of models agrees with the calls: aliases, model rights, server tools of presets and enforced rules.
/// </summary>
internal static class CallableModels
{
    private static readonly TeamEndpoint Chat = TeamEndpoints.Find("/chat/completions", out _)!;

    /// <summary>Whether a call that names the model would not be refused by the team's rights or an enforced rule.</summary>
    public static bool MayCall(SettingsSnapshot snapshot, Team team, string model)
    {
        byte[] body = [.. "{\"model\":"u8, .. JsonText.Quote(model), (byte)'}'];
        var settings = snapshot.Settings;
        return RequestBodyCheck.TryCheck(body, routeLimit: null, settings.Server.MaxRequestBodySize, out var facts, out _)
            && team.Rules.Decide(facts, new ReadOnlySequence<byte>(body), RequestEndpoint.Generation, Review, team).Rejection is null;

        RequestReview Review(Team team, RequestReviewContext reviewed) =>
            RequestJudge.Judge(team, Chat, settings.Limits, PriceList.Empty, StringValues.Empty, reviewed).Review;
    }
}
