using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;
using Gateway.Billing;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Reports;

/// <summary>
/// The output of <c>explain</c>: the outcome and reason of each rule and alias, the verdict, and the changes of the body.
/// </summary>
internal static class ExplainReport
{
    public const string PathExpected = "a path that begins with / and has no NUL character";

    /// <summary>Explains one request.</summary>
    /// <param name="snapshot">The settings.</param>
    /// <param name="arguments">The request.</param>
    /// <param name="workingDirectory">The directory that the body's relative path starts from.</param>
    /// <param name="output">Receives the explanation.</param>
    /// <param name="error">Receives the fault.</param>
    /// <param name="files">The ledger and the price list; <see langword="null"/> leaves price and budget out of the verdict.</param>
    /// <returns>Whether the arguments describe a request. The request itself may be refused.</returns>
    public static async Task<bool> WriteAsync(
        SettingsSnapshot snapshot, ExplainArguments arguments, string workingDirectory, TextWriter output, TextWriter error, ExplainFiles? files = null)
    {
        Team? team = null;
        if (arguments.Team is { } id && !snapshot.Teams.TryGet(id, out team))
        {
            var known = snapshot.Teams.IsEmpty
                ? "there are none"
                : $"expected one of {string.Join(", ", snapshot.Teams.Teams.Select(one => one.Id))}";
            await LineAsync(error, $"--team \"{KeyText.Hide(id)}\": unknown team; {known}");
            return false;
        }

        TeamKey? key = null;
        if (arguments.Key is { } label && (key = team?.KeyOf(label)) is null)
        {
            await LineAsync(error, $"--key \"{KeyText.Hide(label)}\": {(team is null
                ? "expected --team as well"
                : $"unknown key of team {team.Id}; expected one of {string.Join(", ", team.Keys.Select(static one => one.Label))}")}");
            return false;
        }

        byte[] body;
        try
        {
            body = arguments.BodyPath is { } path ? await File.ReadAllBytesAsync(Path.GetFullPath(path, workingDirectory)) : MinimalBody(arguments.Model);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            await LineAsync(error, $"--body \"{arguments.BodyPath}\": {fault.Message}");
            return false;
        }

        var request = new ExplainedRequest(snapshot, team, PathOf(arguments.RequestPath), body);
        request = key is null ? request : request with { Key = key };
        var (explanation, notes) = await (files ?? ExplainFiles.None).ExplainAsync(request);
        if (arguments.BodyPath is not null && FindMismatch(explanation, arguments.Model) is { } mismatch)
        {
            await LineAsync(error, $"--model \"{arguments.Model}\": {mismatch}");
            return false;
        }

        await WriteAsync(request, explanation, arguments.RequestPath, output);
        if (notes.Count > 0)
        {
            await output.WriteLineAsync();
        }

        foreach (var note in notes)
        {
            await LineAsync(output, note);
        }

        return true;
    }

    /// <summary>
    /// Whether a text can be the target of a request. The server refuses a path with a NUL character, escaped or not, before a request exists.
    /// </summary>
    public static bool IsPath(string target) =>
        target.StartsWith('/')
        && target.Split('?')[0] is var path
        && !path.Contains('\0', StringComparison.Ordinal)
        && !path.Contains("%00", StringComparison.Ordinal);

    /// <summary>The path of a request target as the server reads it: without its query, without escapes but <c>%2F</c>, and without dot segments.</summary>
    public static PathString PathOf(string target)
    {
        var path = PathString.FromUriComponent(target.Split('?')[0]).Value ?? "";
        if (!path.Contains("/.", StringComparison.Ordinal))
        {
            return path;
        }

        var kept = new List<string>();
        var segments = path.Split('/')[1..];
        foreach (var (i, segment) in segments.Index())
        {
            if (segment == ".." && kept.Count > 0)
            {
                kept.RemoveAt(kept.Count - 1);
            }

            if (segment is not ("." or ".."))
            {
                kept.Add(segment);
            }
            else if (i == segments.Length - 1)
            {
                kept.Add("");
            }
        }

        return "/" + string.Join('/', kept);
    }

    /// <summary>The contradiction between the model argument and the body's model; <see langword="null"/> for none.</summary>
    public static string? FindMismatch(RequestExplanation explanation, string? model) =>
        model is not null && explanation.Facts is { } facts && facts.RequestedModel != model
            ? $"the body asks for \"{facts.RequestedModel}\"; give one or the other"
            : null;

    /// <summary>Writes an explanation.</summary>
    /// <param name="request">The request.</param>
    /// <param name="explanation">The explanation.</param>
    /// <param name="target">The request target, as given.</param>
    /// <param name="output">Receives the report.</param>
    public static async Task WriteAsync(ExplainedRequest request, RequestExplanation explanation, string target, TextWriter output)
    {
        if (explanation.Mapping is { } mapping)
        {
            await WriteStepsAsync(mapping, explanation.Facts!, target, request.Snapshot, output);
            await WriteToolsAsync(explanation.ServerTools, output);
        }

        if (explanation.Team is { } team)
        {
            await WriteTeamAsync(team, request, explanation, output);
        }
        else if (!request.Snapshot.Teams.IsEmpty && explanation.Error is null)
        {
            await LineAsync(output, "No team is given: rights, limits and budgets are left out. A request without a team's key is a 401.");
        }

        await LineAsync(output, explanation switch
        {
            { Route: null, Error.Status: StatusCodes.Status404NotFound } => $"404: no route matches POST {explanation.Path}.",
            { OtherMethods: { Count: > 0 } methods, Error: { } error } => $"{error.Status}: {error.Message} It accepts {string.Join(", ", methods)}.",
            { Error: { } error } => $"{error.Status}: {error.Message}",
            { Mapping: null, Route: { } route } =>
                $"No rule applies: POST {explanation.Path} matches the route {route.RouteId}, which has no transform ProviderMapping.",
            { Mapping.Decision.Edits.Count: 0 } => "The body is forwarded unchanged.",
            _ => "body, before (-) and after (+):",
        });
        if (explanation is { SentBody: { } sent, Mapping.Decision.Edits.Count: > 0 })
        {
            await WriteDiffAsync(request.Body.ToArray(), sent.ToArray(), output);
        }
    }

    private static async Task WriteStepsAsync(
        ProviderMappingExplanation explanation, BodyFacts facts, string target, SettingsSnapshot snapshot, TextWriter output)
    {
        await LineAsync(output, $"request   POST {target}");
        await LineAsync(output, $"model     {facts.RequestedModel ?? "(none)"}");
        if (explanation.Decision.SentModel != facts.RequestedModel)
        {
            await LineAsync(output, $"sent as   {explanation.Decision.SentModel}");
        }

        await LineAsync(output, $"settings  {snapshot.Version}");
        await output.WriteLineAsync();
        if (explanation.Steps.Count == 0)
        {
            await LineAsync(output, "There are no rules and no aliases.");
        }

        foreach (var step in explanation.Steps)
        {
            await LineAsync(output, $"{(step.IsAlias ? "alias" : "rule")} {step.Name}: {step.Outcome}");
            await LineAsync(output, $"    {step.Sentence}");
        }

        await output.WriteLineAsync();
    }

    private static async Task WriteToolsAsync(IReadOnlyList<ExplainedTool> tools, TextWriter output)
    {
        foreach (var tool in tools)
        {
            await LineAsync(output, $"tool {tool.Tool.DisplayName}: {tool.Outcome}");
        }

        if (tools.Count > 0)
        {
            await output.WriteLineAsync();
        }
    }

    /// <summary>
    /// Writes the team's settings and the levels of its limits and budget. Model rights are checked before the rules, limits and budget after
    /// them.
    /// </summary>
    private static async Task WriteTeamAsync(Team team, ExplainedRequest request, RequestExplanation explanation, TextWriter output)
    {
        await LineAsync(output, $"team      {team.Id}");
        await LineAsync(output, $"rights    {TeamDescription.Rights(request.Sender!.Rights)}");
        if (request.Key is { Rights.IsUnlimited: false } narrowed)
        {
            await LineAsync(output, $"          key {narrowed.Label}: {TeamDescription.Rights(narrowed.Rights)}");
        }

        await LineAsync(output, $"tools     {TeamDescription.ServerTools(team)}");
        if (explanation.AreRightsJudged)
        {
            await LineAsync(output, explanation.Error is { Code: GatewayError.ModelNotAllowedCode or GatewayError.ServerToolNotAllowedCode } error
                ? $"          {error.Status}: {error.Message}"
                : "          allowed");
        }

        await LineAsync(output, $"limits    {TeamDescription.Limits(team.Limits)}");
        if (request.Key is { Limits.IsNone: false } limited)
        {
            await LineAsync(output, $"          key {limited.Label}: {TeamDescription.Limits(limited.Limits)}");
        }
        else if (request.LeavesOutKeys)
        {
            await LineAsync(output, "          The limits, models and budgets of its keys are left out, since the key of the request is not given.");
        }

        if (explanation.Forecast is { Limits: { } levels })
        {
            await LineAsync(output, $"          left: {Level(levels.Requests)} requests, {Level(levels.Tokens)} tokens");
        }

        await LineAsync(output, $"budget    {TeamDescription.Budget(team.Budget)}");
        if (team.KeyBudget is not null)
        {
            await LineAsync(output, $"          key {request.Key!.Label}: {TeamDescription.Budget(team.KeyBudget)}");
        }

        if (explanation.Estimate is { } estimate)
        {
            await LineAsync(output, $"reserved  {estimate}");
        }

        foreach (var (budget, period, level) in explanation.Forecast?.Budgets ?? [])
        {
            var shortfall = new BudgetShortfall(PicoDollars.Zero, budget.Limit, level.Charged, level.Reserved, period.End);
            await LineAsync(
                output,
                $"left      {(period.KeyLabel is { } label ? $"key {label}: " : "")}{shortfall.Left} USD; {level.Charged} USD are charged, "
                    + $"{level.Reserved} USD of them for calls that are not billed yet"
                    + (ErrorMetadata.Text(period.End) is { } end ? $"; resets at {end}" : ""));
        }

        if (explanation.Forecast is { Reported: { } reported })
        {
            await LineAsync(output, $"          The budget only reports: {reported.Message}");
        }

        await output.WriteLineAsync();

        static string Level(LimitLevel? level) =>
            level is { } one ? string.Create(CultureInfo.InvariantCulture, $"{one.Remaining} of {one.Limit}") : "any number of";
    }

    /// <summary>Writes one line. Names and bodies come from clients, so a line never reaches a terminal unescaped.</summary>
    private static Task LineAsync(TextWriter output, string line) => output.WriteLineAsync(TerminalText.Escape(line));

    private static async Task WriteDiffAsync(byte[] before, byte[] after, TextWriter output)
    {
        foreach (var line in InlineDiffBuilder.Diff(Indent(before), Indent(after)).Lines)
        {
            var mark = line.Type switch { ChangeType.Inserted => '+', ChangeType.Deleted => '-', _ => ' ' };
            await LineAsync(output, $"{mark} {line.Text}");
        }
    }

    /// <summary>A body with a model and no other member.</summary>
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
    /// Formats a body with one token per line. Escapes, numbers and duplicates are kept as written.
    /// </summary>
    private static string Indent(byte[] body)
    {
        var text = new StringBuilder();
        var reader = new Utf8JsonReader(WithoutByteOrderMark(body), JsonText.AnyDepth);
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
