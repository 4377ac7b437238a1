// META: global=window
document.title = 'not here';
