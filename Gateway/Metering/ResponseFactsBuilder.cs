using System.Text;

namespace Gateway.Metering;

/// <summary>What was learnt of an answer so far, over all the documents that it came in: one body, or one event after the other.</summary>
internal sealed class ResponseFactsBuilder
{
    private string? _id;
    private string? _model;
    private string? _provider;
    private string? _stopReason;
    private string? _status;
    private string? _incompleteReason;
    private bool _hasError;
    private bool _isComplete;

    // The bill before this document, as this document changes it, and as it is known.
    private UsageBuilder _usageBefore;
    private UsageBuilder _usageRead;
    private UsageBuilder _usage;

    private ResponseFacts? _facts = ResponseFacts.None;

    /// <summary>Whether an event has told who answers.</summary>
    public bool HasId => _id is not null;

    /// <summary>Whether the answer has come to its end.</summary>
    public bool IsComplete
    {
        get => _isComplete;
        set => Set(ref _isComplete, value);
    }

    /// <summary>Whether an error was seen.</summary>
    public bool HasError
    {
        get => _hasError;
        set => Set(ref _hasError, value);
    }

    /// <summary>What the <c>type</c> of this document says about the end.</summary>
    public ResponseEnd End { get; private set; }

    /// <summary>All of it. Made when it is asked for, and again only when something was learnt since.</summary>
    public ResponseFacts Facts => _facts ??= new ResponseFacts
    {
        Id = _id,
        Model = _model,
        Provider = _provider,
        FinishReason = _stopReason ?? _incompleteReason ?? _status,
        Usage = _usage.ToUsage(),
        HasError = _hasError,
        IsComplete = _isComplete,
    };

    /// <summary>A document begins.</summary>
    public void BeginDocument()
    {
        End = ResponseEnd.None;
        _usageBefore = _usage;
    }

    /// <summary>A bill begins. It replaces an earlier one of the same document and completes those of earlier documents.</summary>
    public void BeginUsage() => _usageRead = _usageBefore;

    /// <summary>A bill is closed. One that was cut is not taken for a bill.</summary>
    public void EndUsage()
    {
        _usage = _usageRead;
        _facts = null;
    }

    /// <summary>Takes the value of a member: a string, escapes resolved, or a number or literal as it is written.</summary>
    public void Note(ResponseMember member, ReadOnlySpan<byte> text, bool isString)
    {
        if (member is >= ResponseMember.PromptTokens and <= ResponseMember.Cost)
        {
            _usageRead.Note(member, text, isString);
        }
        else if (isString)
        {
            NoteText(member, text);
        }
    }

    /// <summary>What the type of an event means, by its <c>type</c> or its name.</summary>
    public static ResponseEnd EndOf(ReadOnlySpan<byte> type)
    {
        return type switch
        {
            _ when type.SequenceEqual("response.completed"u8) => ResponseEnd.Done,
            _ when type.SequenceEqual("response.incomplete"u8) => ResponseEnd.Done,
            _ when type.SequenceEqual("message_stop"u8) => ResponseEnd.Done,
            _ when type.SequenceEqual("response.failed"u8) => ResponseEnd.Failed,
            _ when type.SequenceEqual("error"u8) || type.SequenceEqual("response.error"u8) => ResponseEnd.Error,
            _ => ResponseEnd.None,
        };
    }

    private void NoteText(ResponseMember member, ReadOnlySpan<byte> text)
    {
        switch (member)
        {
            case ResponseMember.Id:
                SetText(ref _id, text);
                break;
            case ResponseMember.Model:
                SetText(ref _model, text);
                break;
            case ResponseMember.Provider:
                SetText(ref _provider, text);
                break;
            case ResponseMember.StopReason:
                SetText(ref _stopReason, text);
                break;
            case ResponseMember.IncompleteReason:
                SetText(ref _incompleteReason, text);
                break;
            case ResponseMember.Status when !IsUnderWay(text):
                SetText(ref _status, text);
                break;
            case ResponseMember.Type:
                End = EndOf(text);
                HasError |= End is ResponseEnd.Error or ResponseEnd.Failed;
                break;
        }
    }

    private static bool IsUnderWay(ReadOnlySpan<byte> status) =>
        status.SequenceEqual("in_progress"u8) || status.SequenceEqual("queued"u8) || status.SequenceEqual("pending"u8);

    private void Set(ref bool field, bool value)
    {
        if (field != value)
        {
            field = value;
            _facts = null;
        }
    }

    private void SetText(ref string? field, ReadOnlySpan<byte> text)
    {
        // Events repeat what the first one said. A name with control characters is none, and a database may refuse it.
        if (text.IsEmpty || text.ContainsAnyInRange((byte)0, (byte)0x1F) || (field is not null && Ascii.Equals(text, field)))
        {
            return;
        }

        field = Encoding.UTF8.GetString(text);
        _facts = null;
    }
}
