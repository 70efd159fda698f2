using Gateway.Billing;
using Gateway.Primitives;
using Serilog.Events;

namespace Gateway.Observability;

/// <summary>
/// The log line of a finished request. Carried as a single LogEvent property and formatted directly, to avoid one property, boxed value and
/// dictionary entry per field (docs/decisions/0007-a-cheap-hop.md). <c>docs/logging.md</c> lists the members.
/// </summary>
internal sealed class RequestLine : LogEventPropertyValue
{
    public const string SourceContext = "Gateway.Requests";

    private const string PropertyName = "Request";

    private static readonly EventId Ended = new(LogEvents.RequestEnded, nameof(LogEvents.RequestEnded));
    private static readonly EventId TeamEnded = new(LogEvents.TeamRequestEnded, nameof(LogEvents.TeamRequestEnded));

    private const string Template =
        "{Method} {Path} {Status} {End} in {ElapsedMs} ms, first byte {FirstByteMs} ms, model {Model} sent {SentModel}, "
        + "rule {Rule}, body {BodyBytes} B, destination {Destination}, settings {SettingsVersion}, reason {Reason}, request {RequestId}";

    private const string TeamTemplate =
        "{Method} {Path} {Status} {End} in {ElapsedMs} ms, first byte {FirstByteMs} ms, first token {FirstTokenMs} ms, "
        + "team {Team} key {Key}, model {Model} sent {SentModel} answered {AnsweredModel} by {Provider}, "
        + "tokens {PromptTokens} + {CompletionTokens}, {Usd} USD {BillState}, "
        + "rule {Rule}, body {BodyBytes} B, destination {Destination}, settings {SettingsVersion}, reason {Reason}, request {RequestId}";

    public required string Method { get; init; }

    public required string? Path { get; init; }

    public required int Status { get; init; }

    public required RequestEnd End { get; init; }

    /// <summary>The code of the gateway's error response or error event.</summary>
    public string? Code { get; init; }

    /// <summary>From the start of the request to its end, in milliseconds like all times of the line.</summary>
    public required double Elapsed { get; init; }

    public double? FirstByte { get; init; }

    public string? Model { get; init; }

    public string? SentModel { get; init; }

    public string? Rule { get; init; }

    public int? BodyBytes { get; init; }

    public string? Destination { get; init; }

    /// <summary>How often the request was sent.</summary>
    public int? Attempts { get; init; }

    public string? SettingsVersion { get; init; }

    public string? Reason { get; init; }

    public required string RequestId { get; init; }

    /// <summary>Upstream's id of the generation.</summary>
    public string? GenerationId { get; init; }

    public required string ConnectionId { get; init; }

    /// <summary>The members about the team and its call; <see langword="null"/> without a team.</summary>
    public TeamPart? Team { get; init; }

    /// <summary>The message template. It must not need JSON escapes; a test checks this.</summary>
    public string MessageTemplate => Team is null ? Template : TeamTemplate;

    /// <summary>Creates the event that carries the line to Serilog's sinks.</summary>
    public LogEvent ToEvent(DateTimeOffset at, LogEventLevel level) =>
        new(at, level, null, Serilog.Events.MessageTemplate.Empty, [new LogEventProperty(PropertyName, this)]);

    /// <summary>The request line of an event; <see langword="null"/> if it carries none.</summary>
    public static RequestLine? Of(LogEvent logged) =>
        logged.Properties.TryGetValue(PropertyName, out var value) ? value as RequestLine : null;

    /// <summary>Passes the members to a visitor, in order.</summary>
    public void WriteTo(ILogMembers members)
    {
        members.Add(nameof(Method), Method);
        members.Add(nameof(Path), Path);
        members.Add(nameof(Status), Status);
        members.Add(nameof(End), End.ToWord());
        members.Add(nameof(Code), Code);
        members.Add("ElapsedMs", Elapsed);
        members.Add("FirstByteMs", FirstByte);
        if (Team is { } team)
        {
            members.Add("FirstTokenMs", team.FirstToken);
            members.Add(nameof(Team), team.Id);
            members.Add(nameof(team.Key), team.Key);
        }

        members.Add(nameof(Model), Model);
        members.Add(nameof(SentModel), SentModel);
        if (Team is { } billed)
        {
            members.Add(nameof(billed.AnsweredModel), billed.AnsweredModel);
            members.Add(nameof(billed.Provider), billed.Provider);
            members.Add(nameof(billed.PromptTokens), billed.PromptTokens);
            members.Add(nameof(billed.CompletionTokens), billed.CompletionTokens);
            members.Add(nameof(billed.Usd), billed.Usd);
            members.Add(nameof(billed.BillState), billed.BillState);
            members.Add(nameof(billed.RemovedTools), billed.RemovedTools);
            members.Add(nameof(billed.ReportedTools), billed.ReportedTools);
        }

        members.Add(nameof(Rule), Rule);
        members.Add(nameof(BodyBytes), BodyBytes);
        members.Add(nameof(Destination), Destination);
        members.Add(nameof(Attempts), Attempts);
        members.Add(nameof(SettingsVersion), SettingsVersion);
        members.Add(nameof(Reason), Reason);
        members.Add(nameof(RequestId), RequestId);
        members.Add(nameof(GenerationId), GenerationId);
        members.AddEventId(Team is null ? Ended : TeamEnded);
        members.Add(nameof(SourceContext), SourceContext);
        members.Add(nameof(ConnectionId), ConnectionId);
    }

    /// <inheritdoc />
    public override void Render(TextWriter output, string? format = null, IFormatProvider? formatProvider = null) =>
        output.Write(RequestId);

    /// <summary>The members of the line about the team and its call.</summary>
    public sealed record TeamPart
    {
        public required string Id { get; init; }

        public string? Key { get; init; }

        public double? FirstToken { get; init; }

        public string? AnsweredModel { get; init; }

        public string? Provider { get; init; }

        public long? PromptTokens { get; init; }

        public long? CompletionTokens { get; init; }

        public string? Usd { get; init; }

        public string? BillState { get; init; }

        /// <summary>The server tools that were removed from the request.</summary>
        public string? RemovedTools { get; init; }

        /// <summary>The server tools that are closed to the team and passed nevertheless.</summary>
        public string? ReportedTools { get; init; }
    }
}

/// <summary>Receives the members of a request line.</summary>
internal interface ILogMembers
{
    void Add(string name, string? value);

    void Add(string name, long? value);

    void Add(string name, double? value);

    void AddEventId(EventId value);
}
