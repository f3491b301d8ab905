// Makes the questions of a lesson interactive: div.quiz as autograder/content/quizzes.py describes it.
// Keyboard: the browser's own controls. Screen readers: fieldset and legend, results in live regions.
// Progress stays in this browser (localStorage), under the question's id and a hash of its text.
"use strict";

(() => {
  const STORE = "course-quiz";
  const ROLES = [
    "registry host", "account", "region", "project", "namespace", "repository", "image", "tag", "digest",
    "nothing: it is not valid",
  ];
  const quizzes = [...document.querySelectorAll("div.quiz")];
  if (!quizzes.length) return;

  const load = () => {
    try {
      return JSON.parse(localStorage.getItem(STORE)) || {};
    } catch {
      return {};
    }
  };
  const save = (id, entry) => {
    try {
      localStorage.setItem(STORE, JSON.stringify({ ...load(), [id]: entry }));
    } catch {
      // A browser that keeps nothing still shows the quiz.
    }
  };
  const hash = (text) => [...text].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) | 0, 7);

  const make = (name, properties = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in node) node[key] = value;
      else node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  };
  // The content of a list item without the paragraph that Markdown puts around it in loose lists.
  const inner = (item) => {
    const only = item.children.length === 1 && item.firstElementChild.tagName === "P" ? item.firstElementChild : item;
    return [...only.childNodes].map((node) => node.cloneNode(true));
  };
  const lead = (item) => item.querySelector("strong");
  // The feedback after its first bold word, and the code and colon that a "name" answer begins with.
  const why = (item) => {
    const copy = item.cloneNode(true);
    const bold = lead(copy);
    for (let node = bold; node; ) {
      const before = node.previousSibling;
      node.remove();
      node = before;
    }
    const nodes = inner(copy);
    if (nodes[0] && nodes[0].nodeType === Node.TEXT_NODE) nodes[0].textContent = nodes[0].textContent.replace(/^[.:,]?\s+/, "");
    return nodes;
  };

  const feedback = (right, label, nodes) =>
    make("p", { className: "quiz-feedback", "data-right": String(right) }, make("b", {}, `${label} `), ...nodes);

  let announce = () => {};

  // Each kind returns its controls, and judge(): {right, hint, notes: [[element to write under,
  // right?, label, nodes]]}. A wrong answer is told why; what would have been right is not given away.
  const kinds = {
    choice(quiz, options, answers, type) {
      const verdicts = answers.map((answer) => lead(answer).textContent.startsWith("Right"));
      const rows = options.map((option, n) =>
        make(
          "div",
          { className: "quiz-option" },
          make("label", {}, make("input", { type, name: quiz.id, value: String(n) }), make("span", {}, ...inner(option))),
        ),
      );
      const inputs = rows.map((row) => row.querySelector("input"));
      return {
        controls: rows,
        ready: () => type === "checkbox" || inputs.some((input) => input.checked),
        answer: () => inputs.map((input) => input.checked),
        restore: (answer) => inputs.forEach((input, n) => (input.checked = Boolean(answer[n]))),
        judge() {
          const right = inputs.every((input, n) => input.checked === verdicts[n]);
          const notes = inputs.flatMap((input, n) => {
            if (input.checked) return [[rows[n], verdicts[n], verdicts[n] ? "Right." : "Not right.", why(answers[n])]];
            return right ? [[rows[n], true, type === "radio" ? "Not this one." : "Rightly left out.", why(answers[n])]] : [];
          });
          const missed = type === "checkbox" && inputs.some((input, n) => verdicts[n] && !input.checked);
          return { right, hint: missed ? "Something that is right is not chosen. " : "", notes };
        },
      };
    },
    single: (quiz, options, answers) => kinds.choice(quiz, options, answers, "radio"),
    multiple: (quiz, options, answers) => kinds.choice(quiz, options, answers, "checkbox"),

    order(quiz, options, answers) {
      const list = make("ol", { className: "quiz-order" });
      const wanted = answers.map((answer) => lead(answer).textContent);
      const rows = options.map((option) => {
        const name = option.textContent.trim();
        const row = make("li", {}, make("div", {}, make("span", {}, ...inner(option))));
        row.dataset.name = name;
        for (const [label, step] of [["Up", -1], ["Down", 1]]) {
          const button = make("button", { type: "button", "aria-label": `Move ${label.toLowerCase()}: ${name}` }, label);
          button.addEventListener("click", () => {
            const now = [...list.children];
            const to = now.indexOf(row) + step;
            if (to < 0 || to >= now.length) return;
            step < 0 ? now[to].before(row) : now[to].after(row);
            button.focus();
            announce(quiz, `${name}: place ${to + 1} of ${now.length}`);
          });
          row.firstElementChild.append(button);
        }
        return row;
      });
      list.append(...rows);
      return {
        controls: [list],
        ready: () => true,
        answer: () => [...list.children].map((row) => row.dataset.name),
        restore: (answer) => answer.forEach((name) => list.append(rows.find((row) => row.dataset.name === name))),
        judge() {
          const now = [...list.children];
          const right = now.every((row, n) => row.dataset.name === wanted[n]);
          const notes = now.flatMap((row, n) => {
            const place = wanted.indexOf(row.dataset.name);
            return right ? [[row, true, "Right.", why(answers[place])]] : place === n ? [[row, true, "Right here.", []]] : [];
          });
          return { right, notes };
        },
      };
    },

    name(quiz, options, answers) {
      const roles = answers.map((answer) => lead(answer).textContent);
      const rows = options.map((option) => {
        const select = make("select", {}, make("option", { value: "" }, "choose…"), ...ROLES.map((role) => make("option", {}, role)));
        return make("div", { className: "quiz-option quiz-name" }, make("label", {}, ...inner(option), make("span", {}, " is the "), select));
      });
      const selects = rows.map((row) => row.querySelector("select"));
      return {
        controls: rows,
        ready: () => selects.every((select) => select.value),
        answer: () => selects.map((select) => select.value),
        restore: (answer) => selects.forEach((select, n) => (select.value = answer[n] || "")),
        judge() {
          const hits = selects.map((select, n) => select.value === roles[n]);
          const look = ["Look at where it stands and which sign is before it."];
          const notes = hits.map((hit, n) => [rows[n], hit, hit ? "Right." : "Not right.", hit ? why(answers[n]) : look]);
          return { right: hits.every(Boolean), notes };
        },
      };
    },
  };

  const count = make("span");
  const clear = make("button", { type: "button" }, "Clear my answers");
  const show = () => {
    const right = quizzes.filter((quiz) => quiz.dataset.right === "true").length;
    count.textContent = `${right} of ${quizzes.length} answered right. Kept in this browser only.`;
  };
  quizzes[0].before(make("p", { className: "quiz-progress" }, count, clear));

  const setUp = (quiz) => {
    const details = quiz.querySelector(":scope > details");
    const lists = (box) => [...box.querySelectorAll(":scope > ul > li, :scope > ol > li")];
    const options = lists(quiz);
    const answers = lists(details);
    const key = hash(quiz.textContent);
    const kind = kinds[quiz.dataset.kind](quiz, options, answers);

    const legend = make("legend");
    for (const node of [...quiz.childNodes]) {
      if (node === options[0].parentElement) break;
      legend.append(...(node.tagName === "P" ? [make("span", {}, ...node.childNodes)] : []));
      node.remove();
    }
    if (quiz.dataset.kind === "multiple") legend.append(make("small", {}, " Choose all that are right."));
    const result = make("p", { className: "quiz-result", role: "status" });
    announce = (of, text) => (of.querySelector(".quiz-result").textContent = text);
    const check = make("button", { type: "submit" }, "Check");
    const form = make("form", {}, make("fieldset", {}, legend, ...kind.controls), make("div", { className: "quiz-bar" }, check, result));
    options[0].parentElement.remove();
    details.hidden = true;
    details.before(form);

    const judge = () => {
      const { right, hint = "", notes } = kind.judge();
      form.querySelectorAll(".quiz-feedback").forEach((note) => note.remove());
      for (const [under, good, label, nodes] of notes) under.append(feedback(good, label, nodes));
      quiz.dataset.right = String(right);
      result.textContent = right ? "Right." : `Not yet. ${hint}Change your answer and check again.`;
      show();
      return right;
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!kind.ready()) {
        result.textContent = "Choose an answer first.";
        return;
      }
      save(quiz.id, { key, right: judge(), answer: kind.answer() });
    });
    const kept = load()[quiz.id];
    if (kept && kept.key === key) {
      kind.restore(kept.answer);
      judge();
    }
  };

  quizzes.forEach(setUp);
  show();
  clear.addEventListener("click", () => {
    const all = load();
    for (const quiz of quizzes) delete all[quiz.id];
    try {
      localStorage.setItem(STORE, JSON.stringify(all));
    } catch {
      return;
    }
    location.reload();
  });
})();
