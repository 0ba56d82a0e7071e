//! Markdown to HTML for the second half of a mail.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// The page. HTML inside the markdown is shown, not obeyed, and an image becomes a link: a mail program would fetch it by
/// itself, and its address could carry what was said to somebody else.
pub(crate) fn page(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        // People's line ends in a mail mean line ends.
        Event::SoftBreak => Event::HardBreak,
        other => other,
    });
    let mut page = String::from("<!DOCTYPE html>\n<html><body>\n");
    html::push_html(&mut page, events);
    page.push_str("</body></html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html_that_loads_and_runs_nothing() {
        let shown = page(
            "# Hi\n\n**bold** `x<y`\nnext ![pixel](https://x/p.gif) <b>\n\n| a |\n|---|\n| 1 |\n\n<script>x</script>",
        );
        insta::assert_snapshot!(shown, @r#"
        <!DOCTYPE html>
        <html><body>
        <h1>Hi</h1>
        <p><strong>bold</strong> <code>x&lt;y</code><br />
        next <a href="https://x/p.gif">pixel</a> &lt;b&gt;</p>
        <table><thead><tr><th>a</th></tr></thead><tbody>
        <tr><td>1</td></tr>
        </tbody></table>
        &lt;script&gt;x&lt;/script&gt;</body></html>
        "#);
    }
}
