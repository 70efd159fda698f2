using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;
using Gateway.Configuration;
using Gateway.Configuration.ReverseProxy;
using Gateway.Errors;
using Gateway.Routing;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.RequestBody;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Reports;

/// <summary>The output of <c>explain</c>: which rules were tried and why each did or did not match, and what the body becomes.</summary>
internal static class ExplainReport
{
    /// <summary>Explains one request.</summary>
    /// <returns>Whether there was a request to explain; a request that the rules refuse is one.</returns>
    public static async Task<bool> WriteAsync(SettingsSnapshot snapshot, ExplainArguments arguments, TextWriter output, TextWriter error)
    {
        Team? team = null;
        if (arguments.Team is { } id && !snapshot.Teams.TryGet(id, out team))
        {
            var known = snapshot.Teams.IsEmpty
                ? "there are none"
                : $"expected one of {string.Join(", ", snapshot.Teams.Teams.Select(one => one.Id))}";
            await error.WriteLineAsync($"--team \"{id}\": there is no such team; {known}");
            return false;
        }

        byte[] body;
        try
        {
            body = arguments.BodyPath is { } path ? await File.ReadAllBytesAsync(path) : MinimalBody(arguments.Model);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"--body \"{arguments.BodyPath}\": {fault.Message}");
            return false;
        }

        var expected = arguments.BodyPath is null ? null : arguments.Model;
        if (await WriteAsync(snapshot, team, body, arguments.RequestPath, expected, output) is not { } mismatch)
        {
            return true;
        }

        await error.WriteLineAsync($"--model \"{arguments.Model}\": {mismatch}");
        return false;
    }

    /// <summary>Explains one request.</summary>
    /// <param name="snapshot">The settings.</param>
    /// <param name="team">The team that asks; <see langword="null"/> when nobody in particular does.</param>
    /// <param name="body">The request's body.</param>
    /// <param name="target">The path that it goes to.</param>
    /// <param name="model">The model that the body is expected to ask for, if any is expected.</param>
    /// <param name="output">Takes the report.</param>
    /// <returns>Why there is no report: the body asks for another model. Otherwise <see langword="null"/>.</returns>
    public static async Task<string?> WriteAsync(
        SettingsSnapshot snapshot, Team? team, byte[] body, string target, string? model, TextWriter output)
    {
        PathString requestPath = target.Split('?')[0];
        var route = RewrittenRoutes.Find(snapshot.Routes, requestPath);
        if (route is null || !RewrittenRoutes.IsRewritten(route))
        {
            await output.WriteLineAsync(route is null
                ? $"404: no route takes POST {requestPath}."
                : $"No rule applies: POST {requestPath} is taken by the route {route.RouteId}, which has no transform ProviderMapping.");
            return null;
        }

        var limit = route.MaxRequestBodySize ?? snapshot.Settings.Server.MaxRequestBodySize;
        if (limit >= 0 && body.Length > limit)
        {
            await output.WriteLineAsync($"413: The request body is larger than {limit} bytes.");
            return null;
        }

        using var scanner = new BodyScanner();
        scanner.Scan(body);
        if (!scanner.TryComplete(new ReadOnlySequence<byte>(body), out var facts))
        {
            await output.WriteLineAsync($"400: {scanner.Fault!.Value.ToRejection().Message}");
            return null;
        }

        if (model is not null && facts!.RequestedModel != model)
        {
            return $"the body asks for \"{facts.RequestedModel}\"; give one or the other";
        }

        var rules = team?.Rules ?? snapshot.Rules;
        var endpoint = RequestEndpoints.Of(requestPath);
        var explanation = rules.Explain(facts!, new ReadOnlySequence<byte>(body), endpoint);
        await WriteStepsAsync(explanation, facts!, target, snapshot, output);
        if (team is not null)
        {
            await WriteTeamAsync(team, route, requestPath, facts!, body, output);
        }

        await WriteOutcomeAsync(explanation.Decision, body, output);
        return null;
    }

    private static async Task WriteStepsAsync(
        ProviderMappingExplanation explanation, BodyFacts facts, string target, SettingsSnapshot snapshot, TextWriter output)
    {
        await output.WriteLineAsync($"request   POST {target}");
        await output.WriteLineAsync($"model     {facts.RequestedModel ?? "(none named)"}");
        if (explanation.Decision.SentModel != facts.RequestedModel)
        {
            await output.WriteLineAsync($"sent as   {explanation.Decision.SentModel}");
        }

        await output.WriteLineAsync($"settings  {snapshot.Version}");
        await output.WriteLineAsync();
        if (explanation.Steps.Count == 0)
        {
            await output.WriteLineAsync("There are no rules and no aliases.");
        }

        foreach (var step in explanation.Steps)
        {
            await output.WriteLineAsync($"{(step.IsAlias ? "alias" : "rule")} {step.Name}: {step.Outcome}");
            await output.WriteLineAsync($"    {step.Sentence}");
        }

        await output.WriteLineAsync();
    }

    /// <summary>What the team may do. Its rights come before the rules, its limits and its budget behind them.</summary>
    private static async Task WriteTeamAsync(
        Team team, RouteConfig route, PathString path, BodyFacts facts, byte[] body, TextWriter output)
    {
        var endpoint = RequestEndpoints.Of(path);

        // The aliases alone: rights judge what they have made of the names, whatever the rules say.
        var aliases = new ProviderMappingRules([], team.Rules.Aliases);
        var aliased = aliases.Decide(facts, new ReadOnlySequence<byte>(body), endpoint).ApplyTo(body);
        using var scanner = new BodyScanner();
        scanner.Scan(aliased);
        var sent = new ReadOnlySequence<byte>(aliased);
        var refused = scanner.TryComplete(sent, out var sentFacts)
            ? team.Rights.Refuse(ReferencedModels.Names(sentFacts!), ReferencedModels.Presets(sentFacts!, sent))
            : null;
        var isOpen = UpstreamPath.Of(route, path) is { HasValue: true } upstream
            && TeamEndpoints.Find(HttpMethods.Post, upstream.Value, out _) is not null;
        await output.WriteLineAsync($"team      {team.Id}");
        if (!isOpen)
        {
            await output.WriteLineAsync($"          403: {GatewayError.EndpointNotAllowed.Message}");
        }

        await output.WriteLineAsync($"rights    {TeamDescription.Rights(team)}");
        await output.WriteLineAsync(
            $"          {(refused is null ? "allowed" : $"403: {GatewayError.ModelNotAllowed(refused).Message}")}");
        await output.WriteLineAsync($"limits    {TeamDescription.Limits(team.Limits)}");
        await output.WriteLineAsync($"budget    {TeamDescription.Budget(team)}");
        await output.WriteLineAsync();
    }

    private static async Task WriteOutcomeAsync(ProviderMappingDecision decision, byte[] body, TextWriter output)
    {
        if (decision.Rejection is { } rejection)
        {
            await output.WriteLineAsync($"{rejection.Status}: {rejection.Message}");
            return;
        }

        if (decision.Edits.Count == 0)
        {
            await output.WriteLineAsync("The body passes untouched.");
            return;
        }

        await output.WriteLineAsync("body, before (-) and after (+):");
        foreach (var line in InlineDiffBuilder.Diff(Indent(body), Indent(decision.ApplyTo(body))).Lines)
        {
            var mark = line.Type switch { ChangeType.Inserted => '+', ChangeType.Deleted => '-', _ => ' ' };
            await output.WriteLineAsync($"{mark} {line.Text}");
        }
    }

    /// <summary>A body that asks for a model and nothing else.</summary>
    public static byte[] MinimalBody(string? model)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, model);
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Lays a body out for reading, a token a line. Nothing is resolved, so that escapes, odd numbers and duplicates show as they are.
    /// </summary>
    private static string Indent(byte[] body)
    {
        var text = new StringBuilder();
        var reader = new Utf8JsonReader(WithoutByteOrderMark(body), new JsonReaderOptions { MaxDepth = int.MaxValue });
        var previous = JsonTokenType.None;
        while (reader.Read())
        {
            var closes = reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray;
            var isEmpty = closes && previous is (JsonTokenType.StartObject or JsonTokenType.StartArray);
            if (previous is not (JsonTokenType.None or JsonTokenType.PropertyName or JsonTokenType.StartObject or JsonTokenType.StartArray)
                && !closes)
            {
                text.Append(',');
            }

            if (previous is not (JsonTokenType.None or JsonTokenType.PropertyName) && !isEmpty)
            {
                text.AppendLine().Append(' ', 2 * reader.CurrentDepth);
            }

            text.Append(reader.TokenType switch
            {
                JsonTokenType.StartObject => "{",
                JsonTokenType.EndObject => "}",
                JsonTokenType.StartArray => "[",
                JsonTokenType.EndArray => "]",
                JsonTokenType.PropertyName => $"\"{Encoding.UTF8.GetString(reader.ValueSpan)}\": ",
                JsonTokenType.String => $"\"{Encoding.UTF8.GetString(reader.ValueSpan)}\"",
                _ => Encoding.UTF8.GetString(reader.ValueSpan),
            });
            previous = reader.TokenType;
        }

        return text.ToString();
    }

    private static ReadOnlySpan<byte> WithoutByteOrderMark(ReadOnlySpan<byte> body) =>
        body.StartsWith(Encoding.UTF8.Preamble) ? body[Encoding.UTF8.Preamble.Length..] : body;
}
