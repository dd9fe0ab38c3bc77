<?php
/* Counts views as WP-PostViews 2 does on WordPress, for PHP's own server with several workers: the
 * post's page shows a nonce, the REST route wants it, reads the post's views, adds one and writes
 * them; what comes in between is lost. The core's route of posts shows them.
 *
 * POSTVIEWS names the SQLite file with wp_postmeta; POSTVIEWS_GAP is how long WordPress takes from
 * the reading to the writing, in microseconds. The token of whoever asks is shown. */
const NONCE = '0f3a9c77d1';
const PAGES = array('/2026/harbour/' => 12, '/2026/dawn/' => 13);

function send($body, $status = 200, $type = 'application/json') {
    http_response_code($status);
    header("Content-Type: $type");
    echo is_string($body) ? $body : json_encode($body);
    exit;
}

function meta() {
    static $database;
    return $database ??= new PDO('sqlite:' . getenv('POSTVIEWS'));
}

function views_of($post) {
    $asked = meta()->prepare("SELECT meta_value FROM wp_postmeta WHERE post_id = ? AND meta_key = 'views'");
    $asked->execute(array($post));
    $views = $asked->fetchColumn();
    $asked->closeCursor();
    return $views === false ? send(array('code' => 'rest_post_invalid_id'), 404) : (int) $views;
}

function count_view($post) {
    if (($_POST['nonce'] ?? '') !== NONCE) {
        send(array('code' => 'wp_postviews_bad_nonce'), 403);
    }
    $views = views_of($post) + 1;
    usleep((int) getenv('POSTVIEWS_GAP'));
    $written = meta()->prepare("UPDATE wp_postmeta SET meta_value = ? WHERE post_id = ? AND meta_key = 'views'");
    $written->execute(array($views, $post));
    send(array('post_id' => (int) $post, 'views' => $views));
}

$path = (string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (preg_match('#^/booster-office-([0-9a-f]+)\.txt$#', $path, $found)) {
    send($found[1], 200, 'text/plain');
} elseif (isset(PAGES[$path])) {
    $data = array('ajaxUrl' => '/wp-admin/admin-ajax.php', 'nonce' => NONCE, 'postId' => (string) PAGES[$path]);
    send('<script>var wpPostViewsL10n = ' . json_encode($data) . ';</script>', 200, 'text/html');
} elseif (preg_match('#^/wp-json/wp/v2/posts/(\d+)$#', $path, $found)) {
    send(array('id' => (int) $found[1], 'views' => views_of($found[1])));
} elseif (preg_match('#^/wp-json/postviews/v1/post/(\d+)/view$#', $path, $found)) {
    count_view($found[1]);
}
send(array('code' => 'rest_no_route'), 404);
