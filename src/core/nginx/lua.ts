/**
 * Finds the end of a `*_by_lua_block`: braces are counted outside of Lua's strings, long brackets and comments, as
 * OpenResty's own reader does (lua-nginx-module, ngx_http_lua_directive.c).
 */
const interesting = /[{}"']|--\[=*\[|--|\[=*\[/g;

/**
 * @param start just after the opening brace
 * @returns the offset of the closing brace; the text's length where there is none
 */
export function endOfLuaBlock(text: string, start: number): number {
  const seeker = new RegExp(interesting);
  let depth = 1;
  seeker.lastIndex = start;
  for (let hit = seeker.exec(text); hit !== null; hit = seeker.exec(text)) {
    const [found] = hit;
    if (found === "{") {
      depth += 1;
    } else if (found === "}") {
      depth -= 1;
      if (depth === 0) {
        return hit.index;
      }
    } else {
      seeker.lastIndex = endOfOpaque(text, found, seeker.lastIndex);
    }
  }
  return text.length;
}

/** The offset behind a string, long bracket or comment that `opening` begins and whose content starts at `from`. */
function endOfOpaque(text: string, opening: string, from: number): number {
  if (opening === '"' || opening === "'") {
    return endOfString(text, opening, from);
  }
  const closing =
    opening === "--" ? "\n" : opening.replace("--", "").replaceAll("[", "]");
  const end = text.indexOf(closing, from);
  return end === -1 ? text.length : end + closing.length;
}

function endOfString(text: string, quote: string, from: number): number {
  let end = from;
  while (end < text.length && text[end] !== quote) {
    end += text[end] === "\\" ? 2 : 1;
  }
  return end + 1;
}
